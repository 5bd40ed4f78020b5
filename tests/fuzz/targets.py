"""What is fuzzed: one row a reader of hostile bytes, with its own errors, its limit of length and where to begin.

A target takes any bytes. It may return, or raise one of its own errors; anything else, a loop that does not end or
memory without bound is a find. `make fuzz` gives each ten million inputs, guided by coverage; the suite gives each a
few hundred (tests/test_fuzz_targets.py), so that a target cannot rot.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from kernel_card import honest_inputs, reached, run_kernel

from emv import explain as kernel_explain
from emv import qr, qr_consumer
from emv.capk import CapkError, CapkSet, load_capks
from emv.certificates import (
    ICC,
    ISSUER,
    Certificate,
    PublicKey,
    is_card_of,
    is_issuer_of,
    recover_combined,
    recover_dynamic,
    recover_key,
)
from emv.commands import CardError
from emv.cvm import parse_cvm_list
from emv.dol import fill, parse_dol
from emv.initiate import parse_afl
from emv.masking import Masker
from emv.profile import TerminalProfile, TransactionData
from emv.qr import QrError
from emv.replay import replay
from emv.rows import RowsError
from emv.selection import parse_fci
from emv.session import Session
from emv.tlv import parse
from emv.tracefile import TraceError
from emv.tracefile import parse as parse_trace
from emv.tracefile import write as write_trace
from emv.track import TrackError, from_tag_57, read_swipe
from keys import KeyLayout, KeyRefused, blocks, dukpt_aes, dukpt_tdes
from keys.block_header import FIXED_CHARACTERS, Header, KeyUsage, OptionalBlock, Version
from keys.ksn import AES_KSN, TDES_KSN, Ksn, KsnLayout
from keys.loading import unwrap_working_keys
from keys.remote import read_token
from keys.usage import Algorithm, Mode
from sim.acquirer.downloads import Lists
from terminal.config.settings import Scans
from terminal.hostlink.bill import read_bill_part
from terminal.hostlink.codec import FrameError, Message, decode, encode
from terminal.hostlink.details import read_additional_amounts, read_batch_details, read_remarks
from terminal.hostlink.downloads import DOWNLOADS, ListName, read_entry, read_names, read_part
from terminal.hostlink.explain import explain
from terminal.hostlink.frame import unwrap
from terminal.hostlink.free_data import (
    read_device_number,
    read_key_block,
    read_terms,
    write_device_number,
    write_key_block,
    write_terms,
)
from terminal.hostlink.lists import Downloaded
from terminal.hostlink.profile import Profile, load_profile
from terminal.hostlink.subfields import read_f60, read_f61, read_terminal_info, write_tlv
from terminal.rail import BillRow
from terminal.scans import classify
from terminal.wallets import alipay, wechat
from terminal.wallets.bills import BillError, minor, rows
from terminal.wallets.direct import Unbelievable

_PATTERNS = Scans().patterns
VECTORS = Path(__file__).parents[1] / "vectors"
TMK = bytearray.fromhex("0123456789ABCDEFFEDCBA9876543210")
SIGN_IN_TMK = bytearray.fromhex("CA5D92598DCA48CE8A4C76361A9269E9")  # The vector's.
AES_KBPK = bytearray(range(32))
BDK = bytearray.fromhex("0123456789ABCDEFFEDCBA9876543210")


@dataclass(frozen=True, slots=True)
class Target:
    """One reader. `errors` are its own; `limit_bytes` is the longest input that is tried; `runs` as many are tried.

    `reached` tells of a result how far it came, for a reader that most inputs could leave at its first step.
    """

    name: str
    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    limit_bytes: int
    seeds: Callable[[], tuple[bytes, ...]]
    runs: int = 10_000_000
    reached: Callable[[object], Iterable[str]] | None = None


def run(target: Target, data: bytes) -> object:
    """What the target made of it, None for one of its own errors. Raises any other."""
    try:
        return target.read(data)
    except target.errors:
        return None


@cache
def _vectors(name: str) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return found


# The kernel's traces


def _trace(data: bytes) -> object:
    """A trace, read; what could be read is replayed and told, and neither may stumble."""
    trace = parse_trace(data.decode("utf-8", "replace"))
    replay(trace)
    return kernel_explain.to_json(trace, "zh-CN")


def _trace_seeds() -> tuple[bytes, ...]:
    """A session that has only begun, and one with a command, a decision and an end."""
    begun = write_trace(Session(TerminalProfile(aids=()), TransactionData(1, "240615", "143000", 1)))
    lines = (
        (
            '{"ask": {"is": "Transceive", "capdu": {"hex": "00A404000E315041592E5359532E444446303100"}}, '
            '"answer": {"hex": "6A81"}}'
        ),
        '{"note": "card-blocked", "facts": {"sw": "6A81"}}',
        '{"end": "terminated", "reason": "card-blocked", "problem": ""}',
    )
    return begun.encode(), (begun + "\n".join(lines)).encode()


def _kernel_seeds() -> tuple[bytes, ...]:
    """So that every step is reached before anything is changed; the last one changes an object of an answer."""
    return (*honest_inputs(), bytes((1, 0, 0)) + bytes(40) + b"\xc8\x05\x70")


def _merchant_code(data: bytes) -> object:
    """With a CRC made right, so that more than one input in 65,536 gets past it. What is strict is built again."""
    text = data.decode("utf-8", "replace")
    text = text[:-8] + "6304"
    code, breaches = qr.read(text + qr.crc(text))
    if not breaches and qr.build({item.id: item.value for item in code.items[1:-1]}) != text + qr.crc(text):
        raise RuntimeError("what was read is not what is built")
    return breaches


def _consumer_code(data: bytes) -> object:
    """The bytes behind the base64, which needs no fuzzing."""
    return qr_consumer.parse(base64.b64encode(data).decode())


def _code_seeds(mode: str) -> Callable[[], tuple[bytes, ...]]:
    def seeds() -> tuple[bytes, ...]:
        found = [v["payload"] for v in _vectors("qr.json")["valid"] if v["mode"] == mode]
        return tuple(base64.b64decode(text) if mode == "CPM" else text.encode() for text in found)

    return seeds


def _scanned(data: bytes) -> object:
    """As configured by default: one kind or one reason, the same with a line end, and nothing of the text in words."""
    scan = classify(data, _PATTERNS)
    if (scan.kind is None) != (scan.why is not None):
        raise RuntimeError("a scan has a kind or a reason")
    fitting = {kind for kind, each in _PATTERNS.items() for pattern in each if pattern.fits(scan.text)}
    if len(fitting) > 1:
        raise RuntimeError(f"one code is two things: {fitting}")
    if scan.text and classify(data + b"\r\n", _PATTERNS) != scan:
        raise RuntimeError("a line end changes what a code is")
    if len(scan.text) > 16 and scan.text in repr(scan):
        raise RuntimeError("the text of a scan is in its repr")
    return scan.kind


def _scan_seeds() -> tuple[bytes, ...]:
    ours = ("134567890123456789", "281234567890123456", "6212345678901234567", "6901234567892", "ZGM12345678")
    emvco = [v["payload"] for v in _vectors("qr.json")["valid"]]
    return tuple(text.encode() for text in (*ours, *emvco))


def _masked(data: bytes) -> object:
    """Length and status stay."""
    masked = Masker(bytes.fromhex("240615")).response(data)
    if len(masked) != len(data) or masked[-2:] != data[-2:]:
        raise RuntimeError("masking changed the length or the status")
    return masked


# Key blocks


def _block_seeds() -> tuple[bytes, ...]:
    samples = [sample["key_block"] for sample in _vectors("keys_tr31.json")["blocks"]]
    return tuple(sample.encode("ascii") for sample in samples if len(sample) < 400)


def _own_block_seeds() -> tuple[bytes, ...]:
    """Blocks under the keys that `_unwrap` has: without them it would never get past a MAC."""
    made = []
    for version in (Version.B, Version.C, Version.D, Version.E):
        header = Header(version, KeyUsage("P0"), Algorithm.TDES, Mode.ENCRYPT, optional=(OptionalBlock("KC"),))
        kbpk = AES_KBPK if version.is_aes else TMK
        made.append(blocks.wrap(kbpk, header, bytearray(range(1, 17)), lambda count: bytes(count)).encode("ascii"))
    return (*made, *_block_seeds())


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _inspect(data: bytes) -> object:
    return blocks.inspect(_text(data))


def _unwrap(data: bytes) -> object:
    kbpk = AES_KBPK if data[:1] in (b"D", b"E") else TMK
    return blocks.unwrap(kbpk, _text(data), allow_version_a=True, allow_weaker_kbpk=True).wipe()


def _authentic(data: bytes) -> object:
    """A block that somebody with the protection key made badly: authentic, and with anything inside."""
    text = _text(data[:FIXED_CHARACTERS])
    kbpk = AES_KBPK if text[:1] in ("D", "E") else TMK
    size = -(-max(len(data) - FIXED_CHARACTERS, 3) // 16) * 16
    clear = data[FIXED_CHARACTERS:].ljust(size, b"\x00")
    head = f"{text[:1]}{FIXED_CHARACTERS + 2 * size + 2 * _mac_bytes(text):04}{text[5:]}"
    header = blocks.inspect(head + "00" * (size + _mac_bytes(text)))
    whole = bytearray(head.encode("latin-1") + clear)
    payload, mac = blocks._sealed(kbpk, header.version, head.encode("latin-1"), whole, len(whole))
    block = head + payload.hex().upper() + mac.hex().upper()
    return blocks.unwrap(kbpk, block, allow_version_a=True, allow_weaker_kbpk=True).wipe()


def _mac_bytes(text: str) -> int:
    return {"B": 8, "D": 16, "E": 16}.get(text[:1], 4)


def _authentic_seeds() -> tuple[bytes, ...]:
    clear = bytes.fromhex("0080") + bytes(range(16))
    return tuple(f"{version}0000P0TE00N0000".encode("ascii") + clear for version in "ABCDE")


def _token_seeds() -> tuple[bytes, ...]:
    return (bytes.fromhex(json.loads((VECTORS / "keys_remote.json").read_text(encoding="utf-8"))["token"]),)


# Sign-in and serial numbers


def _working_keys(data: bytes) -> object:
    """The first byte chooses the layout."""
    layouts = tuple(KeyLayout)
    for key in unwrap_working_keys(SIGN_IN_TMK, data[1:], layouts[data[0] % len(layouts)] if data else layouts[0]):
        key.wipe()
    return None


def _working_key_seeds() -> tuple[bytes, ...]:
    published = bytes.fromhex(_vectors("hostlink.json")["vectors"][0]["f62"])
    return tuple(
        bytes([place]) + (published if layout is KeyLayout.PIK_MAK else bytes(layout.size_bytes))
        for place, layout in enumerate(KeyLayout)
    )


def _ksn(layout: KsnLayout) -> Callable[[bytes], object]:
    """What a host does with the serial number of a message: read it, judge it, derive."""

    def read(data: bytes) -> object:
        ksn = Ksn.parse(layout, data).for_use()
        if layout == TDES_KSN:
            return dukpt_tdes.host_keys(BDK, ksn, dukpt_tdes.TdesUse.PIN).wipe()
        return dukpt_aes.transaction_key(BDK, ksn)

    return read


# The card's and the host's bytes


def _dol(data: bytes) -> object:
    return fill(parse_dol(data), {0x9F02: bytes(6), 0x5F2A: b"\x01\x56", 0x9F37: bytes(4), 0x9F4E: b"shop"})


# With the exponent 1 a signature is its own content: what is fuzzed is the reading, not RSA.
_SIGNER = PublicKey(b"\xff" * 144, 1)
_PAN, _TODAY = "6225000000000014", datetime.date(2026, 11, 25)


def _signed(data: bytes) -> bytes:
    """`data` as the content of a signature whose hash fits, as a hostile issuer can make it."""
    body = data.ljust(len(_SIGNER.modulus) - 22, b"\xbb")[: len(_SIGNER.modulus) - 22]
    return b"\x6a" + body + hashlib.sha1(body + b"\x03").digest() + b"\xbc"


def _certificate(data: bytes) -> object:
    """The first byte of the content, its format, tells an issuer's from a card's."""
    issuer = data[:1] == b"\x02"
    belongs = is_issuer_of(_PAN) if issuer else is_card_of(_PAN)
    certificate = Certificate(_signed(data), None, b"\x03")
    return recover_key(certificate, _SIGNER, ISSUER if issuer else ICC, today=_TODAY, belongs=belongs)


def _certificate_seeds() -> tuple[bytes, ...]:
    issuer = bytes.fromhex("02622500FF1249000001" + "01016C01") + b"\xc1" * 108
    return (issuer, bytes.fromhex("046225000000000014FFFF1249000001" + "01016601") + b"\xc1" * 102)


def _dynamic(data: bytes) -> object:
    """DDA's and CDA's dynamic data; 03 is what the terminal brought."""
    signed = _signed(data)
    recover_dynamic(signed, _SIGNER, b"\x03")
    return recover_combined(
        signed, _SIGNER, cryptogram_information=b"\x80", unpredictable=b"\x03", exchanged=b"what was exchanged"
    )


def _dynamic_seeds() -> tuple[bytes, ...]:
    data = bytes((8,)) + bytes(8) + b"\x80" + bytes(8) + hashlib.sha1(b"what was exchanged").digest()
    return (b"\x05\x01" + bytes((len(data),)) + data,)


def _capks(data: bytes) -> object:
    return load_capks(data.decode("latin-1"))


def _capk_seeds() -> tuple[bytes, ...]:
    revoked = b'[[revoked]]\nrid = "A000000333"\nindex = "F1"\nserial = "000001"\n'
    return (revoked, b'[[capk]]\nrid = "A000000333"\nindex = "F1"\nexpiry = 2049-12-31\nset = "test"\n')


@cache
def _profile(name: str = "unionpay") -> Profile:
    return load_profile(name)


ASCII = "iso8583-1987-ascii"


def _frame(data: bytes, name: str = "unionpay") -> object:
    """A body that is taken comes back to the byte: its MAC is computed over that."""
    profile = _profile(name)
    body = unwrap(data, profile).body
    message = decode(body, profile)
    if encode(message, profile) != body:
        raise ValueError("another body came back")
    return message


def _explain(data: bytes, name: str = "unionpay") -> object:
    """It says itself what is wrong: it raises nothing."""
    told = explain(data, _profile(name))
    return told.to_json(), told.to_lines("zh-CN")


def _free_data(data: bytes) -> object:
    """The first byte chooses the reader; what is read comes back. A2 of field 59 is among them."""
    if not data:
        return None
    layout = tuple(KeyLayout)[data[0] // 4 % len(KeyLayout)]
    match data[0] % 4:
        case 0:
            back = write_device_number(read_device_number(data[1:]))
        case 1:
            back = write_terms(read_terms(data[1:]))
        case 2:
            back = write_key_block(read_key_block(data[1:], layout))
        case _:
            text = data[1:].decode("gb18030", "replace")
            return read_terminal_info(text), read_f60(text), read_f61(text)
    if back != data[1:]:
        raise ValueError("other data came back")
    return back


def _free_data_seeds() -> tuple[bytes, ...]:
    terms = b"\x0112" + b"SPRING".ljust(30) + b"0"
    info = b"\x030100204" + b"02003A-1" + b"03006001234" + b"05008" + b"1.5.0".ljust(8)
    return (b"\x00Sequence No060000A1", terms, bytes((2 + 4 * 2,)) + bytes(40), info)


def _ascii_seeds() -> tuple[bytes, ...]:
    """The public frames' messages as the second dialect writes them."""
    bodies = (unwrap(seed, _profile()).body for seed in _frame_seeds() if seed[:1] == b"\x60")
    return tuple(encode(decode(body, _profile()).without(53), _profile(ASCII)) for body in bodies)


def _details(data: bytes) -> object:
    """The first byte chooses which field's inside the rest is."""
    readers = (read_batch_details, read_additional_amounts, read_remarks)
    return readers[data[0] % 3](data[1:].decode("gb18030", "replace")) if data else None


def _details_seeds() -> tuple[bytes, ...]:
    detail = b"\x0001" + b"00" + b"000042" + b"00006225000000000014" + b"000000012850"
    return (detail, b"\x011002156C000000012850", b"\x02CUP" + "余额不足".encode("gb18030").ljust(20))


def _frame_seeds() -> tuple[bytes, ...]:
    found = [vector for vector in _vectors("hostlink.json")["vectors"] if vector["id"].startswith("frame-")]
    return tuple(bytes.fromhex(vector["hex"])[2 if vector["has_length_prefix"] else 0 :] for vector in found)


def _download(data: bytes) -> object:
    """The first byte picks the list, the rest is field 62 of its reply; what can be cut is read as the list, too."""
    row = tuple(DOWNLOADS.values())[data[0] % len(DOWNLOADS)] if data else DOWNLOADS[ListName.PARAMETERS]
    reply = Message("0810", {62: data[1:]})
    if row.names:
        read_names(reply)
        entries: tuple[bytes, ...] = (read_entry(reply, b""),)
    else:
        entries = read_part(row, reply).entries
    return Downloaded().having(row.name, entries, world=CapkSet.TEST, known=())


def _download_seeds() -> tuple[bytes, ...]:
    given = Lists()
    parts = {
        ListName.PARAMETERS: b"".join(given.parameters),
        ListName.CA_KEYS: given.ca_keys[0],
        ListName.AIDS: given.aids[0],
        ListName.BLACKLIST: b",".join(given.blacklist),
        ListName.CARD_BINS: b",".join(given.card_bins),
    }
    places = tuple(DOWNLOADS)
    return tuple(bytes((places.index(name),)) + b"1" + part for name, part in parts.items())


def _bill(data: bytes) -> object:
    """Field 59 of an answer about a trade bill."""
    return read_bill_part(Message("0210", {59: data.decode("gb18030", "replace")}))


def _bill_seeds() -> tuple[bytes, ...]:
    row = "10000001000001000000420000000001,,wechat,T1,12850,77,20261223123000"
    back = "10000001000001000000420000000001,R1,wechat,R1,5000,-30,20261223124500"
    asked = {"C1": "20261223", "C2": "0"}
    told = (asked, {**asked, "C3": "2", "C4": f"{row};{back}"})
    return tuple(write_tlv(tags).encode("ascii") for tags in told)


def _wallet_bill(data: bytes) -> object:
    """A wallet's file of a day, and the amounts in it."""
    cells = list(rows(data.decode("utf-8", "replace"), {"order_no": "商户订单号", "amount": "订单金额"}))
    return [minor(row["amount"], line, "amount") for line, row in cells]


def _wallet_bill_seeds() -> tuple[bytes, ...]:
    table = "words\n交易时间,商户订单号,订单金额\n`2026-12-23 12:30:00,`A1,`128.50\n`x,`A2,`-0.005\n总笔数,2\n"
    return (table.encode(), table.replace("`", "").replace(",", "\t,").encode())


# A wallet's bill: the first byte says whether the rest is the file that is sent, or rows under a head that is right.
PACKED = b"z"
_WECHAT_HEAD = "交易时间,微信订单号,商户订单号,交易状态,商户退款单号,订单金额,退款金额,手续费\n"
_WECHAT_ROWS = (
    "`2026-12-23 12:30:00,`T1,`A1,`SUCCESS,`0,`128.50,`0.00,`0.77100\n"
    "`2026-12-23 12:45:00,`T1,`A1,`REFUND,`R1,`128.50,`50.00,`-0.30000\n总交易单数\n`2\n"
)
_ALIPAY_HEAD = "支付宝交易号,商户订单号,业务类型,完成时间,订单金额（元）,退款批次号/请求号,服务费（元）\n"
_ALIPAY_ROWS = (
    "T1\t,A1\t,交易\t,2026-12-23 12:30:00\t,128.50\t,\t,-0.77\t\n"
    "T1\t,A1\t,退款\t,2026-12-23 12:45:00\t,-50.00\t,R1\t,0.30\t\n#合计：2笔\n"
)


def _wechat_bill(data: bytes) -> list[BillRow]:
    if data[:1] == PACKED:
        return wechat._bill_rows(wechat._unpacked(data[1:]))
    return wechat._bill_rows((_WECHAT_HEAD + data[1:].decode("utf-8", "replace")).encode())


def _alipay_bill(data: bytes) -> list[BillRow]:
    rest = data[1:]
    return alipay._bill_rows(
        alipay._unpacked(rest) if data[:1] == PACKED else _ALIPAY_HEAD + rest.decode("gb18030", "replace")
    )


def _wechat_bill_seeds() -> tuple[bytes, ...]:
    table = ("\ufeff" + _WECHAT_HEAD + _WECHAT_ROWS).encode()
    return b"\x00" + _WECHAT_ROWS.encode(), PACKED + gzip.compress(table, mtime=0)


def _alipay_bill_seeds() -> tuple[bytes, ...]:
    table = ("#支付宝业务明细查询\n" + _ALIPAY_HEAD + _ALIPAY_ROWS).encode("gb18030")
    seeds = [b"\x00" + _ALIPAY_ROWS.encode("gb18030")]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive:
            archive.writestr(zipfile.ZipInfo("details.csv"), table, method)
            archive.writestr(zipfile.ZipInfo("汇总.csv"), b"", method)
        seeds.append(PACKED + packed.getvalue())
    return tuple(seeds)


def _hexed(*texts: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(bytes.fromhex(text) for text in texts)


def _swipe(data: bytes) -> object:
    """The first byte says whether the reader hands the LRC on. What is read comes back by way of tag 57."""
    stripe = read_swipe(data[1:], with_lrc=bool(data[:1] > b"~"))
    if from_tag_57(stripe.track2.tag_57) != stripe.track2:
        raise ValueError("tag 57 is not the same track 2")
    return stripe


def _swipe_seeds() -> tuple[bytes, ...]:
    found = _vectors("track_swipes.json")
    plain = (f" {vector['swipe']}".encode("ascii") for vector in (*found["good"], *found["bad"]))
    return (*plain, *(b"\xff" + vector["swipe"].encode("ascii") for vector in found["good_with_lrc"]))


_TLV = _hexed("70155A0862128000000000155F24033012319F0702FF00", "77129F2701809F360200019F26080102030405060708")
_FCI = _hexed("6F1C8408A000000333010101A5105003544553870101BF0C055F50027465")
TARGETS = {
    target.name: target
    for target in (
        Target("key-block-header", _inspect, (KeyRefused,), 512, _block_seeds),
        Target("key-block", _unwrap, (KeyRefused,), 512, _own_block_seeds),
        Target("key-block-authentic", _authentic, (KeyRefused,), 256, _authentic_seeds),
        Target("sign-in-block", _working_keys, (KeyRefused,), 128, _working_key_seeds),
        Target("ksn-tdes", _ksn(TDES_KSN), (KeyRefused,), 16, _hexed("FFFF9876543210E00008")),
        Target("ksn-aes", _ksn(AES_KSN), (KeyRefused,), 16, _hexed("123456789012345600000001")),
        Target("token", read_token, (KeyRefused,), 2048, _token_seeds),
        Target("tlv", parse, (CardError,), 512, _TLV),
        Target("dol", _dol, (CardError,), 256, _hexed("9F02069F03069F1A0295055F2A029A039C019F3704")),
        Target("fci", parse_fci, (CardError,), 256, _FCI),
        Target("afl", parse_afl, (CardError,), 256, _hexed("0801010010010301")),
        Target("cvm-list", parse_cvm_list, (CardError,), 256, _hexed("000000000000000042031E031F00")),
        Target("kernel", run_kernel, (), 512, _kernel_seeds, 1_000_000, reached),
        Target("trace", _trace, (TraceError,), 4096, _trace_seeds),
        Target("masked-answer", _masked, (), 260, _FCI),
        Target("certificate", _certificate, (CardError,), 128, _certificate_seeds),
        Target("dynamic-data", _dynamic, (CardError,), 128, _dynamic_seeds),
        Target("ca-keys", _capks, (CapkError,), 512, _capk_seeds),
        Target("qr-merchant", _merchant_code, (QrError,), 600, _code_seeds("MPM")),
        Target("qr-consumer", _consumer_code, (QrError,), 1024, _code_seeds("CPM")),
        Target("scan-classifier", _scanned, (), 1024, _scan_seeds),
        Target("swipe", _swipe, (TrackError,), 256, _swipe_seeds),
        Target("frame", _frame, (FrameError,), 1024, _frame_seeds),
        Target("download", _download, (FrameError, RowsError), 512, _download_seeds),
        Target("bill", _bill, (FrameError,), 1024, _bill_seeds),
        Target("wallet-bill", _wallet_bill, (BillError,), 1024, _wallet_bill_seeds),
        Target("wechat-bill", _wechat_bill, (Unbelievable,), 1024, _wechat_bill_seeds),
        Target("alipay-bill", _alipay_bill, (Unbelievable,), 1024, _alipay_bill_seeds),
        Target("field-details", _details, (FrameError,), 400, _details_seeds),
        Target("explain-frame", _explain, (), 1024, _frame_seeds),
        Target("ascii-frame", partial(_frame, name=ASCII), (FrameError,), 1024, _ascii_seeds),
        Target("explain-ascii-frame", partial(_explain, name=ASCII), (), 1024, _ascii_seeds),
        Target("free-data", _free_data, (FrameError,), 400, _free_data_seeds),
    )
}
