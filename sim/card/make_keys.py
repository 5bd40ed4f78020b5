"""`make card-keys`: new RSA keys for the test world, and the CA's public ones for the terminal.

Nobody needs this in a day's work; the keys are data of the repository. After it, goldens and vectors that hold
signatures are to be made anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from sim.card.chain import RsaKey
from sim.card.rsa_keys import EXPONENTS, ROLES, capk_rows

KEYS = Path(__file__).with_name("rsa_keys.toml")
CAPKS = Path(__file__).parents[2] / "emv" / "capks.toml"
KEYS_HEAD = "# RSA keys of the test world, private parts and all. PUBLISHED TEST KEYS: they protect nothing.\n"


def main() -> int:
    """Writes both files."""
    keys: dict[tuple[str, int], RsaKey] = {}
    rows = [KEYS_HEAD]
    for role, bits in ROLES.items():
        for exponent in EXPONENTS:
            numbers = rsa.generate_private_key(public_exponent=exponent, key_size=bits).private_numbers()
            keys[role, exponent] = RsaKey(numbers.p, numbers.q, exponent)
            rows.append(
                f'[[key]]\nrole = "{role}"\nbits = {bits}\ne = {exponent}\np = "{numbers.p:X}"\nq = "{numbers.q:X}"\n'
            )
    KEYS.write_text("\n".join(rows), encoding="utf-8")
    head = CAPKS.read_text(encoding="utf-8").partition("\n[[capk]]")[0]
    CAPKS.write_text(f"{head}\n{capk_rows(keys)}", encoding="utf-8")
    print(f"{KEYS.name} and {CAPKS.name} are new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
