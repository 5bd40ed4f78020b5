"""Everything that can go wrong on the bench, by name: the rows of the panel's list, in the words of the scenarios.

A row says what to ask for (`{"do":"happen","what":WHAT,"how":HOW}`, both as in sim.story.MISHAPS): `once` for the next
time, `always` until it is mended. `{value}` in them is what the person may change. What is in force is told by
"faults-on", row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sim.acquirer.faults import EVERY, Fault, FaultKind
from sim.cut_loop import MOMENTS
from sim.line_faults import LINE_FAULTS, LineFault
from sim.mishaps import BYTES_ONLY
from sim.panel.protocol import JSONObject
from sim.wire.disk import FAILURES, LIES, WELL

LATE_MS = "25000"  # Later than the bench's terminal waits, and before everybody has forgotten it.
Two = tuple[str, str]

GROUPS: Mapping[str, Two] = MappingProxyType(
    {
        "line": ("线路", "The line"),
        "host": ("主机", "The host"),
        "wallet": ("扫码订单", "Wallet orders"),
        "counter": ("柜台", "The counter"),
        "power": ("电源", "The power"),
        "disk": ("磁盘", "The disk"),
    }
)
# Of each fault of the host: its group, its words, and the option that a person may change with its first value.
HOST_FAULTS: Mapping[FaultKind, tuple[str, str, str, str, str]] = MappingProxyType(
    {
        FaultKind.DROP_REQUEST: ("host", "主机没有收到", "the host does not see the request", "", ""),
        FaultKind.DROP_REPLY: ("host", "主机记了账，不应答", "the host acts and does not answer", "", ""),
        FaultKind.DELAY: ("host", "应答迟到（毫秒）", "the answer is late by ms", "ms", LATE_MS),
        FaultKind.CODE: ("host", "拒绝，应答码", "refused with the code", "code", "51"),
        FaultKind.APPROVE: ("host", "批准，应答码", "approved with the code", "code", "11"),
        FaultKind.PARTIAL: ("host", "只批准一半", "only half is approved", "", ""),
        FaultKind.WRONG_MAC: ("host", "MAC 错", "the answer's MAC is wrong", "", ""),
        FaultKind.NO_MAC: ("host", "应答无 MAC", "the answer has no MAC", "", ""),
        FaultKind.WRONG_MTI: ("host", "别类报文的应答", "the answer is to another kind of message", "", ""),
        FaultKind.WRONG_STAN: ("host", "别笔的流水号", "the answer has another STAN", "", ""),
        FaultKind.WRONG_TERMINAL: ("host", "别台终端的应答", "the answer is another terminal's", "", ""),
        FaultKind.WRONG_AMOUNT: ("host", "金额不符", "the answer has another amount", "", ""),
        FaultKind.DUPLICATE: ("host", "应答来两次", "the answer comes twice", "", ""),
        FaultKind.FLOOD: ("host", "别笔应答不断", "answers to another message, and no end", "", ""),
        FaultKind.STALE: ("host", "先来旧应答", "an old answer comes first", "", ""),
        FaultKind.GARBLE: ("host", "应答位图损坏", "the answer's bitmap is wrong", "", ""),
        FaultKind.CUT: ("host", "应答中途断线", "the answer ends in its middle", "", ""),
        FaultKind.SPLIT: ("host", "应答逐字节到", "the answer comes byte by byte", "", ""),
        FaultKind.DISCONNECT: ("host", "不应答就断线", "the host hangs up instead of answering", "", ""),
        FaultKind.BAD_KCV: ("host", "签到密钥校验错", "a sign-in with a bad check value", "", ""),
        FaultKind.BAD_ARPC: ("host", "发卡行认证失败", "the issuer's authentication is wrong", "", ""),
        FaultKind.REQUIREMENT: ("host", "报文头要求", "the header asks for", "digit", "3"),
        FaultKind.CUSTOMER_SCANS: ("wallet", "路人扫了码，还在想", "somebody scans and thinks about it", "", ""),
        FaultKind.CUSTOMER_PAYS: ("wallet", "路人付了款", "somebody pays", "", ""),
        FaultKind.CUSTOMER_REFUSES: ("wallet", "路人拒付", "somebody says no", "", ""),
        FaultKind.EARLY_CLOSE: ("wallet", "订单太新，不关（毫秒）", "no order younger is closed", "ms", LATE_MS),
        FaultKind.UNSCANNED: ("wallet", "没有人扫过的订单不认", "an order nobody has scanned is not known", "", ""),
        FaultKind.REFUND_PENDING: ("wallet", "退款处理中", "a refund stays pending", "", ""),
        FaultKind.MERCHANT_DISCOUNT: ("wallet", "商户优惠（分）", "cheaper, borne by the merchant", "minor", "500"),
        FaultKind.PLATFORM_DISCOUNT: ("wallet", "平台优惠（分）", "cheaper, borne by the wallet", "minor", "500"),
        FaultKind.RED_PACKET: ("wallet", "随单红包（分）", "a red packet with the payment", "minor", "88"),
        FaultKind.FALSE_DISCOUNT: ("wallet", "优惠金额不符", "discounts that do not come to the order", "", ""),
        FaultKind.TOLD_AGAIN: ("wallet", "到账重复通知", "a receipt is told once more", "", ""),
        FaultKind.LARGE_RECEIPT: ("wallet", "到账金额过大（首位）", "a receipt is too large", "digit", "0"),
        FaultKind.TRACK_RECEIPT: ("wallet", "到账编号像磁道", "a receipt numbered like a track", "", ""),
        FaultKind.BILL_LATE: ("wallet", "对账单未出", "the trade bill is not published", "", ""),
        FaultKind.BILL_MISSING: ("wallet", "对账单缺一行", "the bill has a row too few", "", ""),
        FaultKind.BILL_EXTRA: ("wallet", "对账单多一行", "the bill has a row too many", "", ""),
        FaultKind.BILL_AMOUNT: ("wallet", "对账单金额不符", "the bill has another amount", "", ""),
        FaultKind.BILL_FEE: ("wallet", "对账单费率（万分）", "the bill's fee, in basis points", "bp", "68"),
    }
)
# When the power fails: sim.cut_loop.MOMENTS.
MOMENT_WORDS: Mapping[str, Two] = MappingProxyType(
    {
        "before commit": ("断电：写日志之前", "power fails before a commit"),
        "after commit": ("断电：写日志之后", "power fails after a commit"),
        "before link": ("断电：发送之前", "power fails before sending"),
        "after link": ("断电：发送之后", "power fails after sending"),
        "before printer": ("断电：打印之前", "power fails before printing"),
        "after printer": ("断电：打印之后", "power fails after printing"),
        "before keys": ("断电：用密钥之前", "power fails before the keys are used"),
        "after keys": ("断电：用密钥之后", "power fails after the keys are used"),
        "before receive": ("断电：收到应答之前", "power fails before an answer is seen"),
    }
)
# What the disk beneath the journal does wrong: sim.wire.disk.
DISK_WORDS: Mapping[str, Two] = MappingProxyType(
    {
        "full": ("磁盘已满", "the disk is full"),
        "write-fails": ("下次写盘出错", "the next write fails"),
        "sync-fails": ("下次落盘出错", "the next sync fails"),
        "delete-fails": ("下次删文件出错", "the next deletion fails"),
        "folder-fails": ("下次目录落盘出错", "the next sync of the folder fails"),
        "close-fails": ("下次关闭文件出错", "the next close fails"),
        LIES: ("谎称已落盘，断电即丢", "it lies about its syncs: a power cut loses them"),
    }
)
_LINE_OPTIONS = {"delay-request": ("ms", LATE_MS), "delay": ("ms", LATE_MS), "drip": ("ms", "20")}


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `name` tells it from others of its `what`; `once`, `always` and `off` are a HOW, "" where it has none.

    Without `off` it is mended by its name.
    """

    group: str
    what: str
    name: str
    zh: str
    en: str
    once: str = ""
    always: str = ""
    off: str = ""
    value: str = ""  # What stands for {value} at first.

    def told(self) -> JSONObject:
        return {slot: getattr(self, slot) for slot in self.__slots__}


def _of_plan(group: str, what: str, name: str, words: Two, option: str, value: str) -> Row:
    once = f"{name},{option}={{value}}" if option else name
    return Row(group, what, name, *words, once=once, always=f"{once},times=every", value=value)


_HOST = tuple(
    _of_plan(group, "fault", kind.value, (zh, en), option, value)
    for kind, (group, zh, en, option, value) in HOST_FAULTS.items()
)
_TEAR = Row(
    "counter", "tear", "tear", "下一张卡在第几条命令拔出", "the next card is torn out at", "{value}", value="7"
)
_READER = Row("counter", "reader", "reader", "读卡器拔掉", "the card reader is unplugged", always="unplug", off="plug")
_PAPER_LEFT = Row(
    "counter", "paper-left", "paper-left", "纸只剩几行", "so many lines of paper are left", "{value}", value="8"
)


def _line(virtual: bool) -> tuple[Row, ...]:
    return tuple(
        _of_plan("line", "line", name, (row.zh, row.en), *_LINE_OPTIONS.get(name, ("", "")))
        for name, row in LINE_FAULTS.items()
        if row.trip is not None or not virtual
    )


def _of_disk(name: str, words: Two) -> Row:
    """What lasts is switched; what comes once comes once."""
    lasts = name not in FAILURES or FAILURES[name].lasting
    return Row("disk", "disk", name, *words, once="" if lasts else name, always=name if lasts else "", off=WELL)


# What a real line can do, and what a terminal's own process can be done to.
ON_THE_WIRE: tuple[Row, ...] = (
    *_line(virtual=False),
    *_HOST,
    _TEAR,
    _READER,
    _PAPER_LEFT,
    Row("counter", "case", "case", "撬开外壳", "the case is prised open", "open"),
)
# What can happen where time is virtual, and the power fails at the very moment.
VIRTUAL: tuple[Row, ...] = (
    *_line(virtual=True),
    Row("line", "cable", "cable", "网线拔出", "the cable is out", always="out", off="in"),
    *(row for row in _HOST if FaultKind(row.name) not in BYTES_ONLY),  # The line has those here.
    _TEAR,
    _READER,
    Row("counter", "scanner", "scanner", "扫码枪坏了", "the scanner is broken", always="broken", off="mended"),
    _PAPER_LEFT,
    Row("counter", "case", "case", "外壳撬开", "the case is open", always="open", off="shut"),
    Row("counter", "clock", "clock", "时钟跳几秒", "the clock jumps by seconds", "{value}", value="3600"),
    *(
        Row("power", "power-fails", moment.replace(" ", "-"), *MOMENT_WORDS[moment], once=moment.replace(" ", "-"))
        for moment in MOMENTS
    ),
    Row("power", "power", "restart", "正常重启（关闭日志）", "restarted in order: the journal is closed", "restart"),
    *(_of_disk(name, words) for name, words in DISK_WORDS.items()),
)


def faults_message(rows: Iterable[Row]) -> JSONObject:
    """For the page: the rows of a world, group by group."""
    told: dict[str, list[JSONObject]] = {}
    for row in rows:
        told.setdefault(row.group, []).append(row.told())
    return {
        "is": "faults",
        "groups": [
            {"name": group, "zh": zh, "en": en, "rows": told[group]}
            for group, (zh, en) in GROUPS.items()
            if group in told
        ],
    }


def in_force(host: Iterable[Fault], line: Iterable[LineFault]) -> dict[str, str]:
    """ "WHAT:NAME" → "once" or "always" of the two plans, for "faults-on"."""
    found: dict[str, str] = {}
    for what, name, times in (
        *(("fault", fault.kind.value, fault.times) for fault in host),
        *(("line", fault.name, fault.times) for fault in line),
    ):
        found[f"{what}:{name}"] = "always" if times == EVERY else "once"
    return found
