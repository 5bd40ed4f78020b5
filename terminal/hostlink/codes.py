"""Field 39: what a response code says in both languages, and what it asks of whom.

Each code has a class (who has to act at all) and an action: the next thing that the merchant does, told on the screen
in four characters and on the notice in a sentence. Some actions have a behaviour beside their words:

| action | what the terminal does by itself | where |
|---|---|---|
| CHIP | asks for the same card's chip | methods/magstripe.py |
| PIN | offers a new try, from selection on | methods/card.py, methods/magstripe.py |
| SIGN_IN | sells nothing before the next sign-in | methods/asking.py |
| KEEP_CARD | does not ask for the card to be given back | methods/card_entry.py |
| CONFIRM | says so with the approval, on screen and slip | methods/card_slips.py |

Which codes keep a card is the acquirer's rule (`codes.keep_card` of the profile): ISO 8583 lets issuers ask for it,
and an acquirer may not want its merchants to try. `known` tells whether the code is in the terminal-facing list found
in public UnionPay code; the others carry their general ISO 8583:1987 meaning. EMV's Y1, Y3, Z1, Z3 are values of tag
8A, not host codes, and are not here.

Spec: docs/host-link.md §8.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class CodeClass(Enum):
    """The table's classes."""

    APPROVE = "A"
    RETRY = "B"  # By the customer or the merchant.
    DECLINE = "C"
    OPERATOR = "D"  # Keep the card, sign in, call somebody.
    SYSTEM = "E"


class Action(Enum):
    """What the merchant does next. The value is a word of the room "next", and of the notice's table NEXT."""

    DONE = "done"
    CONFIRM = "confirm"  # Approved, and the issuer wants to be asked about it.
    AGAIN = "again"
    WAIT = "wait"  # And then once more: somebody behind the host is not there now.
    CHIP = "chip"
    PIN = "pin"
    OTHER_CARD = "other-card"
    KEEP_CARD = "keep-card"
    AMOUNT = "amount"
    ORIGINAL = "original"  # The numbers of the transaction that this one was about.
    ISSUER = "issuer"  # The cardholder calls the bank.
    ACQUIRER = "acquirer"  # The merchant calls the acquirer.
    SIGN_IN = "sign-in"
    SETTLE = "settle"  # What the host has lost goes up again with the batch.


@dataclass(frozen=True, slots=True)
class ResponseCode:
    """`kind` is the table's class. KEEP_CARD in `action` is what the code means; see `action_of`."""

    code: str
    zh: str
    en: str
    kind: CodeClass
    action: Action
    known: bool = True

    @property
    def sign_in(self) -> bool:
        """Whether the host no longer knows our keys or our batch."""
        return self.action is Action.SIGN_IN


PARTIAL_APPROVAL = "10"
APPROVING_CODES = frozenset({"00", "10", "11", "16", "A2", "A4", "A5", "A6"})  # §11: each needs a valid F64.

_A, _B, _C, _D, _E = CodeClass
(
    _DONE, _CONFIRM, _AGAIN, _WAIT, _CHIP, _PIN, _OTHER, _KEEP, _AMOUNT, _ORIGINAL, _ISSUER, _CALL, _SIGN_IN, _SETTLE,
) = Action  # fmt: skip
_ROWS = (
    ResponseCode("00", "交易成功", "approved", _A, _DONE),
    ResponseCode("01", "请联系发卡行", "refer to issuer", _C, _ISSUER),
    ResponseCode("02", "请联系发卡行(特殊条件)", "refer to issuer, special condition", _C, _ISSUER, known=False),
    ResponseCode("03", "无效商户", "invalid merchant", _C, _CALL),
    ResponseCode("04", "没收卡", "pick up card", _D, _KEEP),
    ResponseCode("05", "持卡人认证失败", "do not honour", _C, _ISSUER),
    ResponseCode("06", "出错", "error", _E, _WAIT, known=False),
    ResponseCode("07", "特殊条件下没收卡", "pick up card, special condition", _D, _KEEP, known=False),
    ResponseCode("09", "请求正在处理", "in progress", _B, _WAIT, known=False),
    ResponseCode("10", "部分金额批准", "approved for part of the amount", _A, _DONE),
    ResponseCode("11", "成功(VIP客户)", "approved, VIP", _A, _DONE),
    ResponseCode("12", "无效的关联交易", "invalid transaction", _C, _ORIGINAL),
    ResponseCode("13", "无效金额", "invalid amount", _B, _AMOUNT),
    ResponseCode("14", "无效卡号", "invalid card number", _B, _OTHER),
    ResponseCode("15", "无此发卡方", "no such issuer", _C, _OTHER),
    ResponseCode("16", "批准,更新第三磁道", "approved, update track 3", _A, _DONE, known=False),
    ResponseCode("17", "拒绝,不没收卡", "customer cancelled", _C, _AGAIN, known=False),
    ResponseCode("19", "请重新送入交易", "enter again", _B, _AGAIN, known=False),
    ResponseCode("20", "无效应答", "invalid response", _C, _AGAIN, known=False),
    ResponseCode("21", "卡未初始化", "card not initialised", _C, _ISSUER),
    ResponseCode("22", "操作有误,或超出允许的天数", "wrong operation, or outside the allowed days", _C, _ORIGINAL),
    ResponseCode("23", "不可接受的交易费", "unacceptable fee", _C, _CALL, known=False),
    ResponseCode("25", "未找到原始交易", "original not found", _C, _ORIGINAL),
    ResponseCode("30", "报文格式错误", "format error", _C, _CALL),
    ResponseCode("31", "不支持的收单方", "acquirer not supported", _C, _OTHER, known=False),
    ResponseCode("33", "过期卡,没收", "expired card, keep it", _D, _KEEP, known=False),
    ResponseCode("34", "有作弊嫌疑", "suspected fraud", _D, _CALL),
    ResponseCode("35", "联系收单方安全部门", "contact acquirer security", _D, _CALL, known=False),
    ResponseCode("36", "受限制的卡,没收", "restricted card, keep it", _D, _KEEP, known=False),
    ResponseCode("37", "请联系收单方", "call the acquirer", _D, _CALL, known=False),
    ResponseCode("38", "密码错误次数超限", "PIN tries exceeded", _D, _OTHER),
    ResponseCode("40", "请求的功能不支持", "function not supported", _C, _CALL),
    ResponseCode("41", "挂失卡", "lost card", _D, _KEEP),
    ResponseCode("42", "无此账户", "no such account", _C, _OTHER, known=False),
    ResponseCode("43", "被窃卡", "stolen card", _D, _KEEP),
    ResponseCode("45", "不允许降级,请插芯片卡", "fallback not allowed, use the chip", _B, _CHIP, known=False),
    ResponseCode("51", "余额不足", "insufficient funds", _C, _OTHER),
    ResponseCode("52", "无此支票账户", "no checking account", _C, _OTHER, known=False),
    ResponseCode("53", "无此储蓄账户", "no savings account", _C, _OTHER, known=False),
    ResponseCode("54", "卡已过期", "expired card", _C, _OTHER),
    ResponseCode("55", "密码错误", "wrong PIN", _C, _PIN),
    ResponseCode("56", "无此卡记录", "no card record", _C, _OTHER, known=False),
    ResponseCode("57", "不允许此卡交易", "not permitted to this card", _C, _OTHER),
    ResponseCode("58", "发卡方不允许该卡在本终端交易", "not permitted at this terminal", _C, _CALL),
    ResponseCode("59", "卡片校验错", "card check failed", _C, _OTHER),
    ResponseCode("60", "请联系收单方", "contact the acquirer", _C, _CALL, known=False),
    ResponseCode("61", "超出金额限制", "exceeds the amount limit", _B, _AMOUNT),
    ResponseCode("62", "受限制的卡", "restricted card", _C, _ISSUER),
    ResponseCode("63", "违反安全规定", "security violation", _C, _CALL, known=False),
    ResponseCode("64", "原始金额不匹配", "original amount does not match", _C, _ORIGINAL),
    ResponseCode("65", "超出消费次数限制", "exceeds the number of payments", _C, _OTHER),
    ResponseCode("66", "请联系收单方安全部门", "contact acquirer security", _D, _CALL, known=False),
    ResponseCode("67", "没收卡", "hard capture", _D, _KEEP, known=False),
    ResponseCode("68", "交易超时,请重试", "time-out, try again", _C, _AGAIN),
    ResponseCode("75", "密码错误次数超限", "PIN tries exceeded", _C, _OTHER),
    ResponseCode("77", "请重新签到", "batch mismatch: sign in", _D, _SIGN_IN, known=False),
    ResponseCode("79", "脱机数据须重传", "upload offline data again", _D, _SETTLE, known=False),
    ResponseCode("90", "系统日切,请稍候", "cut-off in progress", _B, _WAIT),
    ResponseCode("91", "发卡方状态不正常", "issuer down", _C, _WAIT),
    ResponseCode("92", "发卡方线路异常", "issuer line abnormal", _C, _WAIT),
    ResponseCode("93", "违法,不能完成", "violation of law", _C, _ISSUER, known=False),
    ResponseCode("94", "重复交易,请稍后再试", "duplicate, try later", _C, _WAIT),
    ResponseCode("95", "对账错误", "reconciliation error", _D, _CALL, known=False),
    ResponseCode("96", "系统异常", "system malfunction", _C, _WAIT),
    ResponseCode("97", "终端未登记", "terminal not registered", _D, _CALL),
    ResponseCode("98", "发卡方超时", "issuer does not answer", _C, _WAIT),
    ResponseCode("99", "密码格式错,请重新签到", "PIN format error: sign in", _D, _SIGN_IN),
    ResponseCode("A0", "校验错,请重新签到", "MAC failed: sign in", _D, _SIGN_IN),
    ResponseCode("A1", "转账货币不一致", "transfer currencies differ", _C, _ISSUER),
    ResponseCode("A2", "交易成功,请向发卡行确认", "approved, confirm with the issuer", _A, _CONFIRM),
    ResponseCode("A3", "资金到账行账号不正确", "wrong account at the receiving bank", _C, _ISSUER),
    ResponseCode("A4", "交易成功,请向发卡行确认", "approved, confirm with the issuer", _A, _CONFIRM),
    ResponseCode("A5", "交易成功,请向发卡行确认", "approved, confirm with the issuer", _A, _CONFIRM),
    ResponseCode("A6", "交易成功,请向发卡行确认", "approved, confirm with the issuer", _A, _CONFIRM),
    ResponseCode("A7", "安全处理失败", "security processing failed", _C, _CALL),
)

RESPONSE_CODES: Mapping[str, ResponseCode] = MappingProxyType({row.code: row for row in _ROWS})


# The first request may still be approved: 09 is in progress, 94 met a copy that the line made.
_UNDER_WAY = frozenset({"09", "94"})


def is_last_word(code: str) -> bool:
    """Whether a code says for certain what became of a request that was sent once.

    A code that is not in the table may mean anything (08 is an approval in ISO 8583:1987), so it is no decline.
    """
    return code in RESPONSE_CODES and code not in _UNDER_WAY


def lookup(code: str) -> ResponseCode:
    """The row of a code; for one that is not in the table, a row that shows it and takes it for no approval."""
    known = RESPONSE_CODES.get(code)
    unknown = f"未知应答码{code}", f"unknown answer {code}"
    return known or ResponseCode(code, *unknown, CodeClass.DECLINE, Action.ACQUIRER, known=False)


def action_of(code: str, keep_card: Collection[str]) -> Action:
    """What the merchant does next, where this acquirer wants the cards of `keep_card` kept.

    >>> action_of("04", ("04",)), action_of("04", ()), action_of("51", ("51",))
    (<Action.KEEP_CARD: 'keep-card'>, <Action.OTHER_CARD: 'other-card'>, <Action.KEEP_CARD: 'keep-card'>)
    """
    if code in keep_card:
        return Action.KEEP_CARD
    action = lookup(code).action
    return Action.OTHER_CARD if action is Action.KEEP_CARD else action
