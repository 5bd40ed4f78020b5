"""The MACs by name: which usage of key makes each, and which function.

| method | usage | algorithms | the MAC |
|---|---|---|---|
| UNIONPAY | M0 | DES, TDES, SM4 | 8 ASCII hex characters |
| X9_19 | M3 | TDES of 16 bytes | 8 bytes |
| CBC | M0, M1 | DES, TDES, AES, SM4 | 8 bytes |
| CMAC | M6 | TDES, AES, SM4 | 8 or 16 bytes |
| HMAC | M7 | HMAC | 32 bytes |

X9.19 and CBC fill with zeros (padding method 1), as the acquirers' texts have it: data that differ only in zeros at
the end have one MAC, so that a receiver must know the length by other means. A message of the host link does.

Spec: docs/host-link.md §7; ISO/IEC 9797-1:2011; FIPS 198-1.
"""

from __future__ import annotations

from enum import Enum

from keys import mac, mac_iso9797
from keys.mac_iso9797 import Padding
from keys.refs import Usage
from keys.usage import Algorithm, Operation


class MacMethod(Enum):
    """By the name that a profile gives it; the usage whose key an acquirer's MAK then is; making and checking."""

    UNIONPAY = ("unionpay", Usage.MAK, Operation.MAKE_MAC, Operation.CHECK_MAC)
    X9_19 = ("x9.19", Usage.MAC_X9_19, Operation.MAKE_RETAIL_MAC, Operation.CHECK_RETAIL_MAC)
    CBC = ("cbc", Usage.MAC_CBC, Operation.MAKE_CBC_MAC, Operation.CHECK_CBC_MAC)
    CMAC = ("cmac", Usage.MAC_CMAC, Operation.MAKE_CMAC, Operation.CHECK_CMAC)
    HMAC = ("hmac", Usage.MAC_HMAC, Operation.MAKE_HMAC, Operation.CHECK_HMAC)

    def __init__(self, code: str, usage: Usage, make: Operation, check: Operation) -> None:
        self.code = code
        self.usage = usage
        self.make = make
        self.check = check


def compute(method: MacMethod, algorithm: Algorithm, key: bytearray, data: bytes) -> bytes:
    """The whole MAC; the key stays the caller's to wipe. Raises KeyRefused for a key that does not fit.

    >>> compute(MacMethod.HMAC, Algorithm.HMAC, bytearray(b"key"), b"data").hex()[:8]
    '5031fe3d'
    """
    match method:
        case MacMethod.UNIONPAY:
            return mac.unionpay_mac(key, data, algorithm)
        case MacMethod.X9_19:
            return mac_iso9797.algorithm_3(key, data, Padding.ZEROS)
        case MacMethod.CBC:
            return mac_iso9797.algorithm_1(algorithm, key, data, Padding.ZEROS)
        case MacMethod.CMAC:
            return mac_iso9797.algorithm_5(algorithm, key, data)
        case MacMethod.HMAC:
            return mac_iso9797.hmac(key, data)
