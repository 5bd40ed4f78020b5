"""What a certification calls things, in both languages: groups, places of a check, screens, and what a person does.

A story's line becomes a prompt for a person at a real terminal: the screen to wait for, then each action in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sim.card import PROFILES
from sim.certify.script import Case
from sim.story import ACTIONS, FUNCTION_KEYS, Line

Two = tuple[str, str]

GROUPS: Mapping[str, Two] = MappingProxyType(
    {
        "activation": ("激活", "Activation"),
        "sign-in": ("签到与密钥", "Sign-in and keys"),
        "sale": ("芯片卡消费", "Sales by chip"),
        "magstripe": ("磁条卡与降级", "Magnetic stripe and fallback"),
        "void": ("消费撤销", "Void"),
        "refund": ("退货", "Refund"),
        "preauth": ("预授权类", "Pre-authorisation"),
        "moto": ("订购", "Orders by mail or telephone"),
        "other": ("余额、积分、还款、分期", "Balance, points, repayment, instalments"),
        "codes": ("应答码", "Response codes"),
        "reversal": ("冲正", "Reversal"),
        "faults": ("主机与线路故障", "Faults of host and line"),
        "security": ("MAC 与密码", "MAC and PIN"),
        "qr": ("扫码", "QR orders"),
        "notices": ("通知、回响、签退", "Notices, echo, sign-out"),
        "link": ("连接与线路", "Connections and routes"),
        "downloads": ("下载", "Downloads"),
        "settlement": ("结算与批上送", "Settlement and batch upload"),
    }
)
# What a case wants of the terminal before it begins.
FITTINGS: Mapping[str, Two] = MappingProxyType(
    {
        "pad": ("接好签名板", "a signature pad"),
        "offline": (
            "终端允许脱机批准（[card] offline），各应用最低限额 1000.00",
            "a terminal that lets cards approve alone ([card] offline), with a floor limit of 1000.00",
        ),
        "new-tmk": ("收单行参数 keys.tmk_download = 401", "the acquirer's profile with keys.tmk_download = 401"),
        "kept": ("收单行参数 connection.keep = true", "the acquirer's profile with connection.keep = true"),
        "routes": ("两个主机地址", "two addresses of the host"),
        "blank": ("未启用的终端，停在选择语言", "a terminal that was never set up, at the choice of a language"),
    }
)


# Of a case that settles: what earlier cases have sold would be counted with it.
EMPTY_BATCH: Two = ("空批次：先结算，再签到", "an empty batch: settle, then sign in again")


def menu_words(offered: Sequence[str]) -> Two:
    """What the terminal's menu of transactions has to hold, as its configuration says it."""
    named = ", ".join(f'"{name}"' for name in offered)
    setting = f"[transactions] offered = [{named}]"
    return f"终端菜单: {setting}", f"the terminal's menu: {setting}"


VERDICTS: Mapping[str, Two] = MappingProxyType(
    {"passed": ("通过", "passed"), "failed": ("不通过", "failed"), "skipped": ("跳过", "skipped")}
)
HOWS: Mapping[str, Two] = MappingProxyType(
    {
        "simulated": ("模拟终端，虚拟时间", "simulated terminal in virtual time"),
        "process": ("终端进程，TCP 连接", "terminal process over TCP"),
        "person": ("真实终端，人工操作", "real terminal, worked by a person"),
    }
)
MACS: Mapping[str, Two] = MappingProxyType(
    {
        "good": ("正确", "good"),
        "bad": ("错误", "bad"),
        "absent": ("无", "none"),
        "unchecked": ("未验", "unchecked"),
    }
)
PLACES: Mapping[str, Two] = MappingProxyType(
    {
        "screens": ("屏幕流程", "screens"),
        "journal": ("终端账", "terminal's book"),
        "host book": ("主机账", "host's book"),
        "slips": ("打印张数", "slips printed"),
        "slip": ("签购单上", "on the slip"),
        "books": ("两本账", "both books"),
        "person": ("测试员确认", "person's word"),
    }
)
KEYS: Mapping[str, Two] = MappingProxyType(
    {
        "ENTER": ("确认", "ENTER"),
        "CANCEL": ("取消", "CANCEL"),
        "CLEAR": ("清除", "CLEAR"),
        "UP": ("上", "UP"),
        "DOWN": ("下", "DOWN"),
        "00": ("00", "00"),
    }
)
# The screens that a script names, as a person would.
SCREENS: Mapping[str, Two] = MappingProxyType(
    {
        "activated": ("核对商户", "check the merchant"),
        "activation_failed": ("激活失败", "activation failed"),
        "approved": ("交易成功", "approved"),
        "bad_code": ("付款码无效", "bad payment code"),
        "balance": ("余额", "balance"),
        "cancelled": ("交易取消", "cancelled"),
        "card_problem": ("卡片问题", "card problem"),
        "cash_change": ("找零", "change"),
        "cash_tendered": ("收到现金", "cash tendered"),
        "ceremony_problem": ("密钥未装入", "keys were not loaded"),
        "choose_language": ("选择语言", "choose the language"),
        "choose_application": ("选择应用", "choose the application"),
        "choose_terms": ("选择期数", "choose the number of months"),
        "choose_method": ("选择付款方式", "choose how to pay"),
        "compare_signature": ("核对签名", "compare the signature"),
        "confirm_test_keys": ("使用测试密钥？", "use the test keys?"),
        "confirm_settlement": ("确认结算", "confirm the settlement"),
        "declined": ("交易被拒", "declined"),
        "download_failed": ("下载失败", "download failed"),
        "enter_amount": ("输入金额", "type the amount"),
        "enter_number": ("输入号码", "type a number"),
        "enter_pin": ("输入密码", "type the PIN"),
        "enter_tip": ("输入小费", "type the tip"),
        "idle": ("待机", "idle"),
        "insert_card": ("请插卡", "insert the card"),
        "keys_loaded": ("密钥已装入", "keys are loaded"),
        "menu": ("菜单", "menu"),
        "not_answered": ("查询无应答", "no answer, and no money moved"),
        "nothing_sent": ("未发送", "nothing was sent"),
        "offer_parking": ("挂起此笔？", "park it?"),
        "offer_fallback": ("改刷磁条？", "swipe instead?"),
        "operator_password": ("操作员密码", "operator's password"),
        "bill_failed": ("没有对账单", "no bill"),
        "reconciled": ("对账结果", "the bill is matched"),
        "bill_difference": ("对账差异", "a difference"),
        "order_found": ("找到订单", "order found"),
        "refund_open": ("退款处理中", "refund is open"),
        "order_closed": ("订单已关闭", "order closed"),
        "order_closing": ("正在关闭订单", "closing the order"),
        "receipt_unreadable": ("到账读不出", "a receipt cannot be read"),
        "order_late": ("订单后来的结果", "how an order has ended meanwhile"),
        "original": ("核对原交易", "check the original"),
        "outcome_unknown": ("结果未知", "outcome unknown"),
        "paper_stopped": ("缺纸", "paper out"),
        "problem": ("提示", "a problem"),
        "qr_unknown": ("支付结果未知", "unknown whether paid"),
        "refused": ("现在不能", "not now"),
        "remove_card": ("请取卡", "remove the card"),
        "reversal_done": ("已冲正", "reversed"),
        "reversal_pending": ("冲正未完成", "reversal open"),
        "reversing": ("正在冲正", "reversing"),
        "scan_code": ("请扫付款码", "scan the payment code"),
        "settled": ("结算完成", "settled"),
        "show_qr": ("请扫码", "the code is shown"),
        "keep_card": ("请收回卡片", "keep the card"),
        "part_approved": ("只批准部分金额", "a part is approved"),
        "still_due": ("尚欠金额", "still due"),
        "line_answer": ("主机答复", "the host's answer"),
        "sign_on_pad": ("请在签名板上签名", "sign on the pad"),
        "sign_in_due": ("须先签到", "sign in first"),
        "sign_in_failed": ("签到失败", "sign-in failed"),
        "signing_in": ("正在签到", "signing in"),
        "swipe_card": ("请刷卡", "swipe the card"),
        "try_pin_again": ("重输密码？", "try the PIN again?"),
        "type_card_number": ("输入卡号", "type the card number"),
        "type_cvv2": ("输入 CVV2", "type the CVV2"),
        "wallet_paying": ("等顾客确认", "the customer confirms"),
    }
)
# A value of an earlier message, where a person reads it off the slip.
ON_THE_SLIP: Mapping[str, Two] = MappingProxyType(
    {
        "11": ("第{0}条报文那张单据上的凭证号", "the voucher number on the slip of message {0}"),
        "37": ("第{0}条报文那张单据上的参考号", "the reference number on the slip of message {0}"),
        "38": ("第{0}条报文那张单据上的授权码", "the authorisation code on the slip of message {0}"),
    }
)
_DEEDS: Mapping[str, Two] = MappingProxyType(
    {
        "insert": ("插卡: {card}", "insert: {card}"),
        "swipe": ("刷卡: {card}", "swipe: {card}"),
        "remove": ("取出卡", "take the card out"),
        "scan": ("扫码枪扫 {0}", "hold {0} to the scanner"),
        "show": ("把 {0} 的付款码给扫码枪", "hold the payment code of {0} to the scanner"),
        "phone": ("用 {0} 扫屏幕并付款", "scan the display with {0} and pay"),
        "confirm": ("在 {0} 上确认", "confirm on {0}"),
        "refuse": ("在 {0} 上拒绝", "refuse on {0}"),
        "paper": ("纸: {0}", "paper: {0}"),
        "wait": ("等 {0} 秒", "wait {0} seconds"),
    }
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One line of a story for a person. `deeds` in order; both languages of each."""

    screen: Two
    deeds: tuple[Two, ...]

    def text(self, number: int) -> str:
        zh, en = (f"{number:3}. 等到「{self.screen[0]}」", f"wait for: {self.screen[1]}")
        zh_deeds, en_deeds = ("，".join(deed[0] for deed in self.deeds), ", ".join(deed[1] for deed in self.deeds))
        return f"{zh}：{zh_deeds}\n     {en}: {en_deeds}" if self.deeds else f"{zh}\n     {en}"


def prompts_of(line: Line) -> list[Prompt | str]:
    """The line in words; where the host has to change (`host refused`) the prompt is cut and the word stands between.

    Raises KeyError for a screen without words.
    """
    screen = SCREENS[line.screen]
    parts: list[Prompt | str] = []
    words, deeds = list(line.actions), list[Two]()
    while words:
        word = words.pop(0)
        if word == "host":
            parts += [Prompt(screen, tuple(deeds)), words.pop(0)]
            deeds = []
        elif word in ACTIONS:
            deeds.append(_deed(word, [words.pop(0) for _ in range(ACTIONS[word].arguments)]))
        else:
            deeds.append(_keyed(line.screen, word))
    if deeds or not parts:
        parts.append(Prompt(screen, tuple(deeds)))
    return parts


def ask_about(case: Case) -> str:
    """What only a person can see at the end of a case: that the screens came as told, and what was printed."""
    zh, en = "屏幕都像上面那样", "did the screens come as told"
    if case.slips is not None:
        zh, en = f"{zh}，打印了 {case.slips} 张", f"{en}, with {case.slips} slips printed"
    if case.slip:
        words = ", ".join(case.slip)
        zh, en = f"{zh}，最后一张上有 {words}", f"{en}, the last one saying {words}"
    return f"{zh}？ {en}?"


def _keyed(screen: str, word: str) -> Two:
    """A function key, or what is typed; a password is the terminal's own and not the story's."""
    if word in FUNCTION_KEYS:
        zh, en = KEYS[word]
        return f"按 {zh}", f"press {en}"
    if screen == "operator_password":
        return "输入操作员的密码", "type the operator's password"
    message, _, number = word.strip("<>").partition(".") if word.startswith("<") else ("", "", "")
    zh, en = ON_THE_SLIP.get(number, (word, word))
    return f"输入 {zh.format(message)}", f"type {en.format(message)}"


def _deed(word: str, arguments: list[str]) -> Two:
    zh, en = _DEEDS[word]
    if "{card}" not in zh:
        return zh.format(*arguments), en.format(*arguments)
    fault, _, name = arguments[0].rpartition(":")
    card = PROFILES[name]
    damaged: Two = (f"（{fault}）", f" ({fault})") if fault else ("", "")
    return zh.format(card=f"{card.zh} {name}{damaged[0]}"), en.format(card=f"{card.en} {name}{damaged[1]}")


def place_words(place: str) -> Two:
    """Where a check looked: `2.F22` is field 22 of message 2."""
    number, dot, rest = place.partition(".")
    if dot and number.isdecimal():
        names = {"MTI": ("类型", "type"), "fields": ("其他域", "other fields"), "answer": ("主机应答", "host's answer")}
        zh, en = names.get(rest, (rest, rest))
        return f"报文{number} {zh}", f"message {number} {en}"
    return PLACES[place]
