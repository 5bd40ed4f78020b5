"""The certificates on a card with keys, and each way in which they can be wrong.

All cards share the published keys (sim.card.rsa_keys); their certificates and signatures are made by `chain`.

Spec: EMV 4.4 Book 2 §5 (SDA), §6 (DDA, CDA), §7.1 (PIN encipherment key).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim.card.chain import Signed, icc_certificate, issuer_certificate, signed_static_data
from sim.card.model import CardApplication, CardFile, Oda
from sim.card.rsa_keys import CA_INDEX, published_keys
from sim.cryptograms import BIN_DIGITS

# Where the keys lie: CA index and issuer's certificate; the card's; the PIN key's.
KEY_FILES = (
    CardFile(3, ((0x8F, 0x9F32, 0x92), (0x90,), (0x93,))),
    CardFile(4, ((0x9F46,), (0x9F47, 0x9F48), (0x9F2D,), (0x9F2E, 0x9F2F))),
)


def certificates(app: CardApplication, static: bytes) -> dict[int, bytes]:
    """The objects of KEY_FILES by tag; what is wrong on purpose is made wrong here."""
    how, keys = app.authentication, published_keys()
    ca, issuer = keys["ca", how.exponent], keys["issuer", how.exponent]
    fault = FAULTS[how.fault] if how.fault else Fault()
    identifier = fault.identifier or app.pan[:BIN_DIGITS]
    certificate = issuer_certificate(
        ca,
        issuer,
        identifier,
        expiry=fault.issuer_expiry,
        serial=fault.serial,
        form=fault.issuer_form,
        algorithms=fault.issuer_algorithms,
    )
    made = {0x8F: bytes((CA_INDEX[how.exponent],)), 0x9F32: issuer.exponent} | _parts(0x90, 0x92, certificate)
    if how.kind is Oda.SDA:
        made[0x93] = signed_static_data(issuer, static, form=fault.static_form)
    else:
        icc = keys["icc", how.exponent]
        signed = icc_certificate(
            issuer,
            icc,
            fault.pan or app.pan,
            static,
            expiry=fault.icc_expiry,
            form=fault.icc_form,
            algorithms=fault.icc_algorithms,
        )
        made |= _parts(0x9F46, 0x9F48, signed) | {0x9F47: icc.exponent}
    if how.pin_key:
        key = keys["pin", how.exponent]
        signed = icc_certificate(issuer, key, app.pan, expiry=fault.pin_expiry)
        made |= _parts(0x9F2D, 0x9F2F, signed) | {0x9F2E: key.exponent}
    for tag, change in fault.spoil:
        if tag in made:
            made[tag] = change(made[tag])
    return made


def _parts(certificate_tag: int, remainder_tag: int, signed: Signed) -> dict[int, bytes]:
    parts = {certificate_tag: signed.certificate}
    return parts | {remainder_tag: signed.remainder} if signed.remainder else parts


# What may be wrong with a certificate


def _flipped(value: bytes) -> bytes:
    """One bit wrong, where it hurts: within the modulus, or the only byte there is."""
    at = min(20, len(value) - 1)
    return bytes((*value[:at], value[at] ^ 0x02, *value[at + 1 :]))


def _shorter(value: bytes) -> bytes:
    return value[:-1]



@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which certificates are made wrong; the defaults are right."""

    identifier: str = ""
    issuer_expiry: str = "1249"
    issuer_form: int = 0x02
    issuer_algorithms: bytes = b"\x01\x01"
    serial: bytes = bytes.fromhex("000001")
    pan: str = ""
    icc_expiry: str = "1249"
    icc_form: int = 0x04
    icc_algorithms: bytes = b"\x01\x01"
    pin_expiry: str = "1249"
    static_form: int = 0x03
    spoil: tuple[tuple[int, Callable[[bytes], bytes]], ...] = ()
    dynamic: bool = False  # The signatures made at run time are wrong.


REVOKED_SERIAL = bytes.fromhex("00DEAD")
FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "issuer-hash": Fault(spoil=((0x90, _flipped),)),
        "issuer-length": Fault(spoil=((0x90, _shorter),)),
        "issuer-exponent": Fault(spoil=((0x9F32, _flipped),)),
        "issuer-identifier": Fault(identifier="499999"),
        "issuer-expired": Fault(issuer_expiry="1220"),
        "issuer-form": Fault(issuer_form=0x12),
        "issuer-algorithm": Fault(issuer_algorithms=b"\x01\x7f"),
        "issuer-revoked": Fault(serial=REVOKED_SERIAL),
        "static-hash": Fault(spoil=((0x93, _flipped),)),
        "static-form": Fault(static_form=0x13),
        "icc-hash": Fault(spoil=((0x9F46, _flipped),)),
        "icc-length": Fault(spoil=((0x9F46, _shorter),)),
        "icc-remainder": Fault(spoil=((0x9F48, _flipped),)),
        "icc-pan": Fault(pan="6225009999999990"),
        "icc-expired": Fault(icc_expiry="1220"),
        "icc-form": Fault(icc_form=0x14),
        "icc-algorithm": Fault(icc_algorithms=b"\x7f\x01"),
        "pin-expired": Fault(pin_expiry="1220"),
        "dynamic-hash": Fault(dynamic=True),
    }
)


def faulty_signature(app: CardApplication, signature: bytes) -> bytes:
    """A signature made at run time, spoilt where the card is to lie."""
    name = app.authentication.fault
    return _flipped(signature) if name and FAULTS[name].dynamic else signature
