"""The peers' side of a bench: run by the peers' own interpreter, it imports nothing of ours.

One line a question, `NAME LOOPS`; one line an answer, `NANOSECONDS RESULT`: the time of that many calls, and what the
last one gave, as hex, so that the other side can see that both did the same work. A name that is not here, or whose
library is missing, is answered `- REASON`. The end of the input ends the process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Call = Callable[[], object]

TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
AES_KBPK = bytes.fromhex("88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6")
PIN_KEY = bytes.fromhex("3F419E1CB7079442AA37474C2EFBF8B8")
IK = bytes.fromhex("6AC292FAA1315B4D858AB3A3D7D5933A")
KSN = bytes.fromhex("FFFF9876543210E00000")
FIRST, WORST = 1, 0x1FF800  # One set bit; ten, which is the most there can be.
PAN = "6212790200001797"


def _dukpt(counter: int) -> Call:
    import pydukpt

    ksn = pydukpt.ksn_with_counter(KSN, counter)
    return lambda: pydukpt.derive_key(IK, ksn)


def _block(version: str, kbpk: bytes, *, opening: bool) -> Call:
    from psec import tr31

    header = tr31.Header(version, "P0", "T", "E", "00", "N")
    block = tr31.wrap(kbpk, header, PIN_KEY)
    if opening:
        return lambda: tr31.unwrap(kbpk, block)[1]
    return lambda: len(tr31.wrap(kbpk, header, PIN_KEY)).to_bytes(2, "big")  # Random padding: only its size repeats.


def _pin_block() -> Call:
    from psec import des, pinblock

    return lambda: des.encrypt_tdes_ecb(PIN_KEY, pinblock.encode_pinblock_iso_0("123456", PAN))


def _retail_mac() -> Call:
    from psec import mac

    data = bytes(range(256)) + bytes(44)
    return lambda: mac.generate_retail_mac(TMK[:8], TMK[8:], data, 1)


def _unionpay_mac() -> Call:
    """No library has this MAC; what one would write on psec: the fold, then two single blocks."""
    from psec import des, tools

    data = (bytes(range(256)) * 2)[:405]

    def call() -> bytes:
        folded = bytes(8)
        for start in range(0, len(data), 8):
            folded = tools.xor(folded, data[start : start + 8].ljust(8, b"\x00"))
        text = folded.hex().upper().encode()
        first = des.encrypt_tdes_ecb(TMK, text[:8])
        last = des.encrypt_tdes_ecb(TMK, tools.xor(first, text[8:]))
        return last.hex().upper()[:8].encode()

    return call


def _check_value() -> Call:
    from psec import des

    return lambda: des.generate_kcv(TMK, 3)


def _sm4() -> Call:
    """SM4 as gmssl has it: one key schedule and two blocks, which is the end of a UnionPay MAC with SM4."""
    from gmssl.sm4 import SM4_ENCRYPT, CryptSM4

    def call() -> bytes:
        cipher = CryptSM4(padding_mode=-1)
        cipher.set_key(TMK, SM4_ENCRYPT)
        return bytes(cipher.crypt_ecb(bytes(32)))

    return call


# A record of a card, as in bench/emv_cases.py.
RECORD = bytes.fromhex(
    "5A0862128000000000155F24033012315F25032001015F280201565F34010157136212800000000015D30122011234567890000F"
    "5F300202019F0702FF008C1B9F02069F03069F1A0295055F2A029A039C019F37049F21039F4E148D1A8A029F02069F03069F1A0295"
    "055F2A029A039C019F37049F21039F1F0C3031323334353637383930318E0E000000000000000042031E031F009F0D05D8609CA800"
    "9F0E0500100000009F0F05D8689CF8009F4A01829F420201569F4401025F20105445535420434152442F5A4820202020"
)


def _count(items: int) -> bytes:
    return items.to_bytes(2, "big")


def _emv() -> Call:
    from emv.protocol.structures import TLV

    data = list(RECORD)
    return lambda: _count(len(TLV.unmarshal(data)))


def _ber_tlv() -> Call:
    from ber_tlv.tlv import Tlv

    return lambda: _count(len(Tlv.parse(RECORD)))


def _pytlv() -> Call:
    from pytlv.TLV import TLV

    text = RECORD.hex().upper()
    parser = TLV()  # With its own list of tags, as its page shows it.
    return lambda: _count(len(parser.parse(text)))


def _pyemv_tlv() -> Call:
    from pyemv import tlv

    return lambda: _count(len(tlv.decode(RECORD)))


def _arqc() -> Call:
    from pyemv import ac, kd

    data = bytes.fromhex("0000000128500000000000000156800000000001562611260011223344") + b"\x7c\x00\x00\x12"

    def call() -> bytes:
        master = kd.derive_icc_mk_a(TMK, "6212800000000015", "01")
        session = kd.derive_common_sk(master, bytes.fromhex("0012") + bytes(6))
        return ac.generate_ac(session, data, padding_type=ac.PaddingType.EMV)

    return call


def _iso8583(name: str) -> Call:
    import iso_messages

    made: Call = getattr(iso_messages, name)()
    return made


# As in bench/qr_cases.py.
QR_ROWS = (
    ("00", "01"), ("01", "12"), ("15", "3123456789012345"), ("52", "5411"), ("53", "156"), ("54", "128.50"),
    ("58", "CN"), ("59", "ZHANGGUI"), ("60", "BEIJING"), ("62", "0520ORDER000000000000001070810000001"),
)  # fmt: skip


def _cemacqr_build() -> Call:
    import cemacqr

    return lambda: cemacqr.build([cemacqr.Tlv(tag, value) for tag, value in QR_ROWS]).raw.encode()


def _cemacqr_read() -> Call:
    """Parsed and held against the standard, as ours is."""
    import cemacqr

    payload = cemacqr.build([cemacqr.Tlv(tag, value) for tag, value in QR_ROWS]).raw

    def call() -> bytes:
        code = cemacqr.parse_payload(payload)
        if not cemacqr.validate(code, cemacqr.EMVCO).ok:
            raise ValueError("refused")
        return str(code.get("54")).encode()

    return call


CASES: dict[str, Callable[[], Call]] = {
    "dukpt-first": lambda: _dukpt(FIRST),
    "dukpt-worst": lambda: _dukpt(WORST),
    "block-b-wrap": lambda: _block("B", TMK, opening=False),
    "block-b-unwrap": lambda: _block("B", TMK, opening=True),
    "block-d-wrap": lambda: _block("D", AES_KBPK, opening=False),
    "block-d-unwrap": lambda: _block("D", AES_KBPK, opening=True),
    "pin-block": _pin_block,
    "retail-mac": _retail_mac,
    "unionpay-mac": _unionpay_mac,
    "check-value": _check_value,
    "sm4": _sm4,
    "tlv-emv": _emv,
    "tlv-ber-tlv": _ber_tlv,
    "tlv-pytlv": _pytlv,
    "tlv-pyemv": _pyemv_tlv,
    "arqc": _arqc,
    "read-cemacqr": _cemacqr_read,
    "build-cemacqr": _cemacqr_build,
    "decode-pyiso8583": lambda: _iso8583("pyiso8583_decode"),
    "decode-iso8583sim": lambda: _iso8583("iso8583sim_decode"),
    "encode-pyiso8583": lambda: _iso8583("pyiso8583_encode"),
    "encode-iso8583sim": lambda: _iso8583("iso8583sim_encode"),
}


def timed(call: Call, loops: int) -> tuple[int, object]:
    """Nanoseconds of `loops` calls, and what the last one gave."""
    result: object = b""
    began = time.perf_counter_ns()
    for _ in range(loops):
        result = call()
    return time.perf_counter_ns() - began, result


def main() -> None:
    made: dict[str, Call] = {}
    for line in sys.stdin:
        name, _, loops = line.partition(" ")
        try:
            if name not in made:
                made[name] = CASES[name]()
            spent, result = timed(made[name], int(loops))
        except (KeyError, ImportError) as problem:
            print(f"- {problem!r}", flush=True)
            continue
        print(f"{spent} {result.hex() if isinstance(result, bytes) else '-'}", flush=True)


if __name__ == "__main__":
    main()
