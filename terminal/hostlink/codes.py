"""Field 39: what a response code says in both languages, and what it asks of whom.

`known` tells whether the code is in the terminal-facing list found in public UnionPay code; the others carry
their general ISO 8583:1987 meaning. EMV's Y1, Y3, Z1, Z3 are values of tag 8A, not host codes, and are not
here.

Spec: docs/host-link.md §8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Action(Enum):
    """The table's classes."""

    APPROVE = "A"
    RETRY = "B"  # By the customer or the merchant.
    DECLINE = "C"
    OPERATOR = "D"  # Keep the card, sign in, call somebody.
    SYSTEM = "E"


@dataclass(frozen=True, slots=True)
class ResponseCode:
    code: str
    zh: str
    en: str
    action: Action
    known: bool = True
    keep_card: bool = False
    sign_in: bool = False


PARTIAL_APPROVAL = "10"
APPROVING_CODES = frozenset({"00", "10", "11", "16", "A2", "A4", "A5", "A6"})  # §11: each needs a valid F64.

_A, _B, _C, _D, _E = Action
_ROWS = (
    ResponseCode("00", "交易成功", "approved", _A),
    ResponseCode("01", "请联系发卡行", "refer to issuer", _C),
    ResponseCode("02", "请联系发卡行(特殊条件)", "refer to issuer, special condition", _C, known=False),
    ResponseCode("03", "无效商户", "invalid merchant", _C),
    ResponseCode("04", "没收卡", "pick up card", _D, keep_card=True),
    ResponseCode("05", "持卡人认证失败", "do not honour", _C),
    ResponseCode("06", "出错", "error", _E, known=False),
    ResponseCode("07", "特殊条件下没收卡", "pick up card, special condition", _D, known=False, keep_card=True),
    ResponseCode("09", "请求正在处理", "in progress", _B, known=False),
    ResponseCode("10", "部分金额批准", "approved for part of the amount", _A),
    ResponseCode("11", "成功(VIP客户)", "approved, VIP", _A),
    ResponseCode("12", "无效的关联交易", "invalid transaction", _C),
    ResponseCode("13", "无效金额", "invalid amount", _B),
    ResponseCode("14", "无效卡号", "invalid card number", _B),
    ResponseCode("15", "无此发卡方", "no such issuer", _C),
    ResponseCode("16", "批准,更新第三磁道", "approved, update track 3", _A, known=False),
    ResponseCode("17", "拒绝,不没收卡", "customer cancelled", _C, known=False),
    ResponseCode("19", "请重新送入交易", "enter again", _B, known=False),
    ResponseCode("20", "无效应答", "invalid response", _C, known=False),
    ResponseCode("21", "卡未初始化", "card not initialised", _C),
    ResponseCode("22", "操作有误,或超出允许的天数", "wrong operation, or outside the allowed days", _C),
    ResponseCode("23", "不可接受的交易费", "unacceptable fee", _C, known=False),
    ResponseCode("25", "未找到原始交易", "original not found", _C),
    ResponseCode("30", "报文格式错误", "format error", _C),
    ResponseCode("31", "不支持的收单方", "acquirer not supported", _C, known=False),
    ResponseCode("33", "过期卡,没收", "expired card, keep it", _D, known=False, keep_card=True),
    ResponseCode("34", "有作弊嫌疑", "suspected fraud", _D),
    ResponseCode("35", "联系收单方安全部门", "contact acquirer security", _D, known=False),
    ResponseCode("36", "受限制的卡,没收", "restricted card, keep it", _D, known=False, keep_card=True),
    ResponseCode("37", "请联系收单方", "call the acquirer", _D, known=False),
    ResponseCode("38", "密码错误次数超限", "PIN tries exceeded", _D),
    ResponseCode("40", "请求的功能不支持", "function not supported", _C),
    ResponseCode("41", "挂失卡", "lost card", _D, keep_card=True),
    ResponseCode("42", "无此账户", "no such account", _C, known=False),
    ResponseCode("43", "被窃卡", "stolen card", _D, keep_card=True),
    ResponseCode("45", "不允许降级,请插芯片卡", "fallback not allowed, use the chip", _B, known=False),
    ResponseCode("51", "余额不足", "insufficient funds", _C),
    ResponseCode("52", "无此支票账户", "no checking account", _C, known=False),
    ResponseCode("53", "无此储蓄账户", "no savings account", _C, known=False),
    ResponseCode("54", "卡已过期", "expired card", _C),
    ResponseCode("55", "密码错误", "wrong PIN", _C),
    ResponseCode("56", "无此卡记录", "no card record", _C, known=False),
    ResponseCode("57", "不允许此卡交易", "not permitted to this card", _C),
    ResponseCode("58", "发卡方不允许该卡在本终端交易", "not permitted at this terminal", _C),
    ResponseCode("59", "卡片校验错", "card check failed", _C),
    ResponseCode("60", "请联系收单方", "contact the acquirer", _C, known=False),
    ResponseCode("61", "超出金额限制", "exceeds the amount limit", _B),
    ResponseCode("62", "受限制的卡", "restricted card", _C),
    ResponseCode("63", "违反安全规定", "security violation", _C, known=False),
    ResponseCode("64", "原始金额不匹配", "original amount does not match", _C),
    ResponseCode("65", "超出消费次数限制", "exceeds the number of payments", _C),
    ResponseCode("66", "请联系收单方安全部门", "contact acquirer security", _D, known=False),
    ResponseCode("67", "没收卡", "hard capture", _D, known=False, keep_card=True),
    ResponseCode("68", "交易超时,请重试", "time-out, try again", _C),
    ResponseCode("75", "密码错误次数超限", "PIN tries exceeded", _C),
    ResponseCode("77", "请重新签到", "batch mismatch: sign in", _D, known=False, sign_in=True),
    ResponseCode("79", "脱机数据须重传", "upload offline data again", _D, known=False),
    ResponseCode("90", "系统日切,请稍候", "cut-off in progress", _B),
    ResponseCode("91", "发卡方状态不正常", "issuer down", _C),
    ResponseCode("92", "发卡方线路异常", "issuer line abnormal", _C),
    ResponseCode("93", "违法,不能完成", "violation of law", _C, known=False),
    ResponseCode("94", "重复交易,请稍后再试", "duplicate, try later", _C),
    ResponseCode("95", "对账错误", "reconciliation error", _D, known=False),
    ResponseCode("96", "系统异常", "system malfunction", _C),
    ResponseCode("97", "终端未登记", "terminal not registered", _D),
    ResponseCode("98", "发卡方超时", "issuer does not answer", _C),
    ResponseCode("99", "密码格式错,请重新签到", "PIN format error: sign in", _D, sign_in=True),
    ResponseCode("A0", "校验错,请重新签到", "MAC failed: sign in", _D, sign_in=True),
    ResponseCode("A1", "转账货币不一致", "transfer currencies differ", _C),
    ResponseCode("A2", "交易成功,请向发卡行确认", "approved, confirm with the issuer", _A),
    ResponseCode("A3", "资金到账行账号不正确", "wrong account at the receiving bank", _C),
    ResponseCode("A4", "交易成功,请向发卡行确认", "approved, confirm with the issuer", _A),
    ResponseCode("A5", "交易成功,请向发卡行确认", "approved, confirm with the issuer", _A),
    ResponseCode("A6", "交易成功,请向发卡行确认", "approved, confirm with the issuer", _A),
    ResponseCode("A7", "安全处理失败", "security processing failed", _C),
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
    """The row of a code; for one that is not in the table, a decline that shows it."""
    known = RESPONSE_CODES.get(code)
    return known or ResponseCode(code, f"交易失败({code})", f"declined ({code})", Action.DECLINE, known=False)
