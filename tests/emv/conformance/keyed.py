"""The keys of a scripted card: certificates and signatures under the simulator's published test keys.

`sim.card.chain` makes them and shares no code with the kernel. What a case spoils, it spoils here: a field of a
certificate (`issuer`, `icc`, `pin`), one byte of what is signed (`content`), the static data that was signed
(`static`), what the card signs at run time (`dynamic`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from conformance.notation import element
from sim.card.chain import (
    RsaKey,
    combined_data,
    icc_certificate,
    issuer_certificate,
    sign,
    signed_dynamic_data,
    signed_static_data,
)
from sim.card.rsa_keys import CA_INDEX, published_keys

HASH_AND_TRAILER = 21
NUMBER = "A1A2A3A4A5A6A7A8"  # The ICC Dynamic Number.
IN_BYTES = frozenset({"serial", "algorithms"})


@dataclass(frozen=True)
class Keys:
    """`table` is a case's `card.keys`."""

    table: dict[str, Any]
    pan: str

    def key(self, role: str) -> RsaKey:
        return published_keys()[role, self.table.get("exponent", 3)]

    def elements(self, static: Callable[[dict[str, str]], bytes]) -> dict[str, str]:
        """Tag → value of everything that personalisation gives. `static` makes the signed data with some elements
        as they were when the card was signed."""
        data = static(self.table.get("static", {}))
        issuer, icc = self.key("issuer"), self.key("icc")
        exponents = {"9F32": issuer.exponent, "9F47": icc.exponent, **self._exponents()}
        by_issuer = _issuer(self.table.get("exponent", 3), _frozen(self.table.get("issuer", {})), self.pan)
        by_icc = _icc("icc", self.table.get("exponent", 3), _frozen(self.table.get("icc", {})), self.pan, data)
        static_signature = _static(self.table.get("exponent", 3), data, self.table.get("form", 0x03))
        found: dict[str, str | bytes] = {
            "8F": f"{CA_INDEX[self.table.get('exponent', 3)]:02X}",
            "90": self._spoilt("90", "ca", by_issuer[0], by_issuer[1] + exponents["9F32"]),
            "92": by_issuer[1],
            "9F32": exponents["9F32"],
            "93": self._spoilt("93", "issuer", static_signature, data),
            "9F46": self._spoilt("9F46", "issuer", by_icc[0], by_icc[1] + exponents["9F47"] + data),
            "9F47": exponents["9F47"],
            "9F48": by_icc[1],
        }
        if "pin" in self.table:
            pin = self.key("pin")
            own = _icc("pin", self.table.get("exponent", 3), _frozen(self.table["pin"]), self.pan, b"")
            found |= {
                "9F2D": self._spoilt("9F2D", "issuer", own[0], own[1] + pin.exponent),
                "9F2E": pin.exponent,
                "9F2F": own[1],
            }
        return {tag: value if isinstance(value, str) else value.hex().upper() for tag, value in found.items() if value}

    def _exponents(self) -> dict[str, bytes]:
        """Exponents that are wrong, and signed as they are."""
        return {tag: bytes.fromhex(value) for tag, value in self.table.get("exponents", {}).items()}

    def dynamic(self, data: bytes) -> bytes:
        """9F4B in the answer to INTERNAL AUTHENTICATE."""
        said = self.table.get("dynamic", {})
        number = bytes.fromhex(said.get("number", NUMBER))
        body = bytes.fromhex(said["data"]) if "data" in said else bytes((len(number),)) + number
        over = bytes.fromhex(said["over"]) if "over" in said else data
        signed = _dynamic(self.table.get("exponent", 3), body, over, said.get("form", 0x05))
        return bytes.fromhex(self._spoilt("9F4B", "icc", signed, over))

    def combined(self, cid: int, cryptogram: str, unpredictable: str, exchanged: bytes) -> bytes:
        """9F4B in the answer to GENERATE AC."""
        said = self.table.get("dynamic", {})
        number = bytes.fromhex(said.get("number", NUMBER))
        over = bytes.fromhex(said.get("over", unpredictable))
        body = combined_data(
            number,
            int(said["cid"], 16) if "cid" in said else cid,
            bytes.fromhex(cryptogram),
            bytes.fromhex(said["exchanged"]) if "exchanged" in said else exchanged,
        )
        body = bytes.fromhex(said["data"]) if "data" in said else body + bytes.fromhex(said.get("extra", ""))
        signed = _dynamic(self.table.get("exponent", 3), body, over, said.get("form", 0x05))
        return bytes.fromhex(self._spoilt("9F4B", "icc", signed, over))

    def _spoilt(self, tag: str, signer: str, signed: bytes, appended: bytes) -> str:
        """`content = { 90 = "14:80" }`: byte 14 of what is signed. A field between header and hash gets a hash that
        fits again, so that the field alone is wrong."""
        change = self.table.get("content", {}).get(tag, "" if not self._exponents() else "1:")
        if not change:
            return signed.hex().upper()
        key = self.key(signer)
        content = bytearray(pow(int.from_bytes(signed, "big"), key.e, key.n).to_bytes(key.size, "big"))
        place, _, value = change.partition(":")
        at = int(place) % key.size
        new = bytes.fromhex(value)
        content[at : at + len(new)] = new
        if 0 < at < key.size - HASH_AND_TRAILER:
            return _signed(key, bytes(content[1:-HASH_AND_TRAILER]), appended).hex().upper()
        return key.private(bytes(content)).hex().upper()


def _frozen(table: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(table.items()))


def _typed(table: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return {word: bytes.fromhex(value) if word in IN_BYTES else value for word, value in table}


@cache
def _issuer(exponent: int, changes: tuple[tuple[str, Any], ...], pan: str) -> tuple[bytes, bytes]:
    """The same certificate for many cases: signing is what costs."""
    keys = published_keys()
    facts = {"identifier": pan[:6], **_typed(changes)}
    made = issuer_certificate(keys["ca", exponent], keys["issuer", exponent], **facts)
    return made.certificate, made.remainder


@cache
def _icc(role: str, exponent: int, changes: tuple[tuple[str, Any], ...], pan: str, data: bytes) -> tuple[bytes, bytes]:
    keys = published_keys()
    facts = {"pan": pan, "static_data": data, **_typed(changes)}
    made = icc_certificate(keys["issuer", exponent], keys[role, exponent], **facts)
    return made.certificate, made.remainder


@cache
def _static(exponent: int, data: bytes, form: int) -> bytes:
    return signed_static_data(published_keys()["issuer", exponent], data, form=form)


@cache
def _dynamic(exponent: int, body: bytes, over: bytes, form: int) -> bytes:
    return signed_dynamic_data(published_keys()["icc", exponent], body, over, form=form)


_signed = cache(sign)


def signed_record(sfi: int, content: bytes) -> bytes:
    """What of a record is signed. Spec: EMV Book 3 §10.3: the content in files 1 to 10, all of it above."""
    return content if sfi <= 10 else element("70", content)
