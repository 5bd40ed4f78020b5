"""Every decision that the kernel can take, one row a line: where it is taken, by which section, what it means.

A step calls `session.note(word)` at each branch; the trace keeps the word, and `python -m emv explain` finds the
sentence here. A word that has no row is refused, and a test holds every row to be used. `section` names the Book and
section where the text was read or is widely cited, else the Book and the topic.

>>> RULES["avn-differs"].step
'Processing restrictions'
"""

# ruff: noqa: E501, RUF001  # A table: one row a line; Chinese punctuation is meant.

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class Verdict(Enum):
    """What a decision means for the transaction."""

    FINE = "fine"  # Looked at, and nothing was wrong.
    FINDING = "finding"  # Something speaks against an approval; mostly a bit of the TVR.
    SKIPPED = "skipped"  # Not asked for, not possible, or not in this kernel.
    WAY = "way"  # The transaction takes this way from here: another application, online, a method.
    END = "end"  # The session ends because of it.


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. `step` is the Book's title of the step, a key of STEPS."""

    word: str
    step: str
    section: str
    verdict: Verdict
    en: str
    zh: str


# The Books' titles of the steps, in the order of a transaction.
STEPS: Final = MappingProxyType(
    {
        "Application selection": "应用选择",
        "Initiate application processing": "应用初始化",
        "Read application data": "读应用数据",
        "Offline data authentication": "脱机数据认证",
        "Processing restrictions": "处理限制",
        "Cardholder verification": "持卡人验证",
        "Terminal risk management": "终端风险管理",
        "Terminal action analysis": "终端行为分析",
        "Card action analysis": "卡片行为分析",
        "Online processing": "联机处理",
        "Issuer authentication": "发卡行认证",
        "Issuer-to-card script processing": "发卡行脚本处理",
        "Completion": "交易结束",
    }
)

FINE, FINDING, SKIPPED, WAY, END = Verdict.FINE, Verdict.FINDING, Verdict.SKIPPED, Verdict.WAY, Verdict.END

_ROWS: Final = (
    # Application selection
    Rule("application-begun", "Application selection", "Book 1 §12.4", WAY, "The application is selected and begins with clean TVR and TSI", "选定应用，TVR和TSI清零"),
    # Initiate application processing
    # Read application data
    # Offline data authentication
    # Processing restrictions
    Rule("avn-same", "Processing restrictions", "Book 3 §10.4.1", FINE, "Card and terminal have the same application version", "卡片与终端应用版本一致"),
    Rule("avn-differs", "Processing restrictions", "Book 3 §10.4.1", FINDING, "Card and terminal have different application versions", "卡片与终端应用版本不一致"),
    Rule("avn-absent", "Processing restrictions", "Book 3 §10.4.1", SKIPPED, "The card or the terminal names no application version: they count as the same", "卡片或终端未给出应用版本，视为一致"),
    # Cardholder verification
    Rule("cvm-not-asked", "Cardholder verification", "Book 3 §10.5", SKIPPED, "The card does not support cardholder verification", "卡片不支持持卡人验证"),
    Rule("cvm-list-missing", "Cardholder verification", "Book 3 §7.5", FINDING, "The card supports cardholder verification and has no list of methods", "卡片支持持卡人验证但没有方法列表"),
    Rule("cvm-list-empty", "Cardholder verification", "Book 3 §10.5", SKIPPED, "The card's list has no rules: it counts as no list", "方法列表没有规则，视为没有列表"),
    Rule("cvm-condition-not-met", "Cardholder verification", "Book 3 §10.5", SKIPPED, "The rule's condition is not met, or is not known: it is passed over", "规则的条件不满足或未知，跳过"),
    Rule("cvm-rule", "Cardholder verification", "Book 3 §10.5", WAY, "The rule's condition is met", "规则的条件满足"),
    Rule("cvm-unrecognised", "Cardholder verification", "Book 3 §10.5", FINDING, "The terminal does not know the method", "终端不认识该验证方法"),
    Rule("cvm-unsupported", "Cardholder verification", "Book 3 §10.5", SKIPPED, "The terminal knows the method and does not support it", "终端认识但不支持该验证方法"),
    Rule("pin-pad-absent", "Cardholder verification", "Book 3 §10.5.1, §10.5.2", FINDING, "A PIN is required and the terminal has no PIN pad for it", "要求密码而终端没有密码键盘"),
    Rule("cvm-fail", "Cardholder verification", "Book 3 §10.5.5", FINDING, "The list says that verification has failed here", "列表规定此处验证失败"),
    Rule("pin-bypassed", "Cardholder verification", "Book 4 §6.3.4.3", FINDING, "The PIN was left out", "未输入密码"),
    Rule("pin-pad-failed", "Cardholder verification", "Book 3 §10.5.1, §10.5.2", FINDING, "The PIN pad does not work", "密码键盘故障"),
    Rule("pin-given-up", "Cardholder verification", "Book 4, PIN entry", END, "The cardholder gave up entering the PIN", "持卡人放弃输入密码"),
    Rule("pin-try-counter", "Cardholder verification", "Book 4 §6.3.4.1", FINE, "The card says how many PIN tries are left", "卡片给出剩余密码次数"),
    Rule("pin-try-counter-absent", "Cardholder verification", "Book 4 §6.3.4.1", SKIPPED, "The card does not say how many PIN tries are left: the PIN is asked for", "卡片不给出剩余密码次数，仍要求输入密码"),
    Rule("pin-tries-used-up", "Cardholder verification", "Book 3 §10.5.1", FINDING, "No PIN try is left", "密码尝试次数用尽"),
    Rule("pin-key-missing", "Cardholder verification", "Book 2 §7.1", FINDING, "There is no key to encipher the PIN with: the method has failed", "没有可用的密码加密公钥，该方法失败"),
    Rule("pin-challenge-failed", "Cardholder verification", "Book 2 §7.2", FINDING, "The card gave no challenge: the method has failed", "卡片未给出随机数，该方法失败"),
    Rule("pin-wrong", "Cardholder verification", "Book 3 §10.5.1", FINDING, "The card says that the PIN is wrong", "卡片认为密码错误"),
    Rule("pin-right", "Cardholder verification", "Book 3 §10.5.1", FINE, "The card says that the PIN is right", "卡片认为密码正确"),
    Rule("online-pin-entered", "Cardholder verification", "Book 3 §10.5.2", FINE, "A PIN was entered for the issuer", "已输入联机密码"),
    Rule("cvm-performed", "Cardholder verification", "Book 4 §6.3.4.5", FINE, "The method was performed", "验证方法已执行"),
    Rule("cvm-not-successful", "Cardholder verification", "Book 3 §10.5", FINDING, "No method succeeded", "没有方法成功"),
    Rule("cvm-done", "Cardholder verification", "Book 4 §6.3.4.5", FINE, "Cardholder verification is done", "持卡人验证完成"),
    # Terminal risk management
    Rule("exception-file", "Terminal risk management", "Book 4 §6.3.5", FINDING, "The card is on the exception file", "卡片在异常文件中"),
    Rule("forced-online", "Terminal risk management", "Book 4 §6.5.2", FINDING, "The merchant wants the issuer to be asked", "商户要求联机"),
    Rule("risk-not-asked", "Terminal risk management", "Book 3 §10.6", SKIPPED, "The card does not ask for terminal risk management", "卡片不要求终端风险管理"),
    Rule("floor-limit-exceeded", "Terminal risk management", "Book 3 §10.6.1", FINDING, "The amount reaches the floor limit", "金额达到最低限额"),
    Rule("floor-limit-kept", "Terminal risk management", "Book 3 §10.6.1", FINE, "The amount is under the floor limit", "金额低于最低限额"),
    Rule("random-not-due", "Terminal risk management", "Book 3 §10.6.2", SKIPPED, "Nothing is left to chance: the way is given, or the floor limit is reached", "无需随机选择：途径已定或已达最低限额"),
    Rule("random-selected", "Terminal risk management", "Book 3 §10.6.2", FINDING, "Chosen at random to go online", "被随机选择联机"),
    Rule("random-passed", "Terminal risk management", "Book 3 §10.6.2", FINE, "Not chosen at random", "未被随机选择"),
    Rule("velocity-not-asked", "Terminal risk management", "Book 3 §10.6.3", SKIPPED, "The card has not both limits of consecutive offline payments", "卡片没有两个连续脱机交易限制"),
    Rule("new-card", "Terminal risk management", "Book 3 §10.6.3", FINDING, "The card was never online", "新卡，从未联机"),
    Rule("velocity-data-missing", "Terminal risk management", "Book 3 §10.6.3", FINDING, "The card does not tell its counters: both limits count as exceeded", "卡片不给出计数器，视为两个限制均超过"),
    Rule("velocity-counters-wrong", "Terminal risk management", "Book 3 §10.6.3", FINDING, "The counter is not beyond that of the last online payment: both limits count as exceeded", "计数器未超过上次联机的计数器，视为两个限制均超过"),
    Rule("velocity-exceeded", "Terminal risk management", "Book 3 §10.6.3", FINDING, "More payments since the last online one than a limit allows", "上次联机后的交易数超过限制"),
    Rule("velocity-kept", "Terminal risk management", "Book 3 §10.6.3", FINE, "No more payments since the last online one than allowed", "上次联机后的交易数未超过限制"),
    Rule("risk-done", "Terminal risk management", "Book 3 §10.6", FINE, "Terminal risk management is done", "终端风险管理完成"),
    # Terminal action analysis
    Rule("action-denied", "Terminal action analysis", "Book 3 §10.7", FINDING, "A denial code of acquirer or issuer meets the TVR: declined", "收单行或发卡行的拒绝码与TVR相符：拒绝"),
    Rule("action-online-only", "Terminal action analysis", "Book 3 §10.7", WAY, "The terminal always goes online", "终端只能联机"),
    Rule("action-denied-offline-only", "Terminal action analysis", "Book 3 §10.7", FINDING, "The terminal never goes online, and a default code meets the TVR: declined", "终端只能脱机且缺省码与TVR相符：拒绝"),
    Rule("action-online", "Terminal action analysis", "Book 3 §10.7", WAY, "An online code of acquirer or issuer meets the TVR: online", "收单行或发卡行的联机码与TVR相符：联机"),
    Rule("action-approve-offline", "Terminal action analysis", "Book 3 §10.7", WAY, "No code speaks against it: approval without the issuer", "没有行为码相符：脱机批准"),
    # Card action analysis
    Rule("default-tdol", "Card action analysis", "Book 3 §9.2.2", FINDING, "The card has no TDOL: the terminal's own was used", "卡片没有TDOL，使用了缺省TDOL"),
    Rule("first-cryptogram", "Card action analysis", "Book 3 §10.8", WAY, "The card answered the first GENERATE AC", "卡片应答了第一次GENERATE AC"),
    Rule("advice-wanted", "Card action analysis", "Book 3 §6.5.5.4", WAY, "The card wants its issuer to be told", "卡片要求通知发卡行"),
    Rule("cryptogram-reserved", "Card action analysis", "Book 3 §6.5.5.4", END, "The card gave a type of cryptogram that is reserved", "卡片给出保留的密文类型"),
    Rule("cryptogram-not-allowed", "Card action analysis", "Book 3 §9.3", END, "The card gave more than it was asked for", "卡片给出的密文高于所请求的"),
    # Online processing, issuer authentication
    Rule("offline-only", "Online processing", "Book 3 §10.7", SKIPPED, "The card wants its issuer, and the terminal never goes online", "卡片要求联机而终端只能脱机"),
    Rule("no-answer", "Online processing", "Book 4 §12.2.1", FINDING, "No usable answer came from the issuer", "没有可用的发卡行应答"),
    Rule("answer", "Online processing", "Book 3 §10.9", WAY, "The issuer answered", "发卡行已应答"),
    Rule("issuer-data-malformed", "Issuer authentication", "Book 3 §10.9", FINDING, "The issuer's proof of itself has a wrong length: the card was not asked", "发卡行认证数据长度错误，未送卡片"),
    Rule("issuer-data-in-cdol2", "Issuer authentication", "Book 3 §10.9", WAY, "The card checks its issuer with the second GENERATE AC", "卡片在第二次GENERATE AC中认证发卡行"),
    Rule("issuer-asked", "Issuer authentication", "Book 3 §10.9", WAY, "The card was asked whether this is its issuer", "已请卡片认证发卡行"),
    Rule("issuer-authentic", "Issuer authentication", "Book 3 §10.9", FINE, "The card knows its issuer", "发卡行认证成功"),
    Rule("issuer-not-authentic", "Issuer authentication", "Book 3 §10.9", FINDING, "The card does not believe the answer", "发卡行认证失败"),
    Rule("issuer-approved", "Online processing", "Book 4 §A6", WAY, "The issuer approves", "发卡行批准"),
    Rule("issuer-referred", "Online processing", "Book 4 §A6", FINDING, "The issuer wants to be called", "发卡行要求电话联系"),
    Rule("issuer-declined", "Online processing", "Book 4 §A6", FINDING, "The issuer declines", "发卡行拒绝"),
    Rule("unable-approved", "Online processing", "Book 3 §10.7", WAY, "No default code meets the TVR: the terminal approves alone", "没有缺省码与TVR相符：终端自行批准"),
    Rule("unable-declined", "Online processing", "Book 3 §10.7", FINDING, "Without the issuer this terminal does not approve it", "没有发卡行，终端不能批准"),
    # Issuer-to-card script processing
    Rule("script-not-begun", "Issuer-to-card script processing", "Book 3 §10.10", FINDING, "A script cannot be taken apart, is too long, or the card is gone: it was not begun", "脚本无法解析、过长或卡片已取走，未执行"),
    Rule("script-delivered", "Issuer-to-card script processing", "Book 3 §10.10", FINE, "A script was delivered to its end", "脚本已全部执行"),
    Rule("script-failed", "Issuer-to-card script processing", "Book 3 §10.10", FINDING, "The card refused a command of a script", "卡片拒绝了脚本命令"),
    Rule("scripts-done", "Issuer-to-card script processing", "Book 3 §10.10", FINE, "The scripts are done", "脚本处理完成"),
    # Completion
    Rule("last-cryptogram", "Completion", "Book 3 §10.11", WAY, "The card answered the last GENERATE AC", "卡片应答了最后一次GENERATE AC"),
)

RULES: Final = MappingProxyType({row.word: row for row in _ROWS})

# Every `Outcome.reason` of this kernel, in English and Chinese.
REASONS: Final = MappingProxyType(
    {
        "approved-online": ("Approved by the issuer", "发卡行批准"),
        "approved-offline": ("Approved without the issuer", "脱机批准"),
        "declined-offline": ("Declined by the terminal", "终端拒绝"),
        "declined-by-card": ("Declined by the card", "卡片拒绝"),
        "declined-by-issuer": ("Declined by the issuer", "发卡行拒绝"),
        "unable-to-go-online": ("The issuer could not be reached", "无法联机"),
        "referred": ("The issuer wants to be called", "请联系发卡行"),
        "pin-tries-exceeded": ("Declined by the card: too many wrong PINs", "卡片拒绝：密码尝试次数超限"),
        "issuer-not-authentic": ("Declined by the card: it does not believe the answer", "卡片拒绝：发卡行认证失败"),
        "service-not-allowed": ("The card does not allow this service", "卡片不允许此服务"),
        "cancelled": ("Cancelled", "已取消"),
        "pin-cancelled": ("PIN entry cancelled", "密码输入已取消"),
        "pin-timed-out": ("PIN entry timed out", "密码输入超时"),
        "no-application": ("No application in common", "无共同应用"),
        "application-blocked": ("The application is blocked", "应用已锁定"),
        "card-blocked": ("The card is blocked or answers no selection", "卡片已锁定"),
        "card-refused": ("The card refused a command", "卡片拒绝命令"),
        "data-missing": ("The card lacks mandatory data", "卡片缺少必备数据"),
        "bad-data": ("The card sent data that cannot be read", "卡片数据错误"),
        "card-not-authenticated": ("The card's signature is not genuine", "卡片签名验证失败"),
        "cryptogram-not-allowed": ("The card answered with a cryptogram it may not give", "卡片密文类型错误"),
    }
)
