"""The RSA keys of the test world: one CA, one issuer, one card, one PIN encipherment key, with each exponent.

They are published with their primes in `rsa_keys.toml`, on purpose: runs repeat from their seeds, and nothing real is
behind them. All virtual cards share them; what differs is the certificates. `make card-keys` makes new ones.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from sim.card.chain import RsaKey, ca_checksum

# Role → bits. CA, issuer and card as large cards have them today.
ROLES: Mapping[str, int] = MappingProxyType({"ca": 1984, "issuer": 1408, "icc": 1152, "pin": 1024})
EXPONENTS = (3, 65537)
# Exponent → index of the CA key (8F); the same keys stand under every scheme's RID.
CA_INDEX: Mapping[int, int] = MappingProxyType({3: 0xF1, 65537: 0xF2})
RIDS = (bytes.fromhex("A000000333"), bytes.fromhex("A000000003"), bytes.fromhex("A000000004"))
CA_EXPIRY = "2049-12-31"


@cache
def published_keys() -> Mapping[tuple[str, int], RsaKey]:
    """Role and exponent to key: `published_keys()["issuer", 3]`."""
    text = resources.files("sim.card").joinpath("rsa_keys.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["key"]
    return MappingProxyType(
        {(row["role"], row["e"]): RsaKey(int(row["p"], 16), int(row["q"], 16), row["e"]) for row in rows}
    )


def capk_rows(keys: Mapping[tuple[str, int], RsaKey]) -> str:
    """The CA keys as rows of the terminal's file, `emv/capks.toml`."""
    rows = []
    for rid in RIDS:
        for exponent in EXPONENTS:
            key, index = keys["ca", exponent], CA_INDEX[exponent]
            rows.append(
                f'[[capk]]\nrid = "{rid.hex().upper()}"\nindex = "{index:02X}"\n'
                f'modulus = "{key.modulus.hex().upper()}"\nexponent = "{key.exponent.hex().upper()}"\n'
                f'hash_algorithm = "01"\nkey_algorithm = "01"\n'
                f'checksum = "{ca_checksum(rid, index, key).hex().upper()}"\n'
                f'expiry = {CA_EXPIRY}\nset = "test"\n'
            )
    return "\n".join(rows)
