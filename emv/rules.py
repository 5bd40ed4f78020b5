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
    Rule("directory-not-used", "Application selection", "Book 1 §12.3.2 step 1", SKIPPED, "The card has no usable directory: each application is tried by name", "卡片没有可用的目录，逐一按名称尝试应用"),
    Rule("directory-broken", "Application selection", "Book 1 §12.3.2 step 1", FINDING, "The directory has an error: its entries do not count, each application is tried by name", "目录有错误，其条目作废，逐一按名称尝试应用"),
    Rule("directory-foreign", "Application selection", "Book 1 §12.3.2 step 5", SKIPPED, "The directory has no application of ours: each is tried by name", "目录中没有终端支持的应用，逐一按名称尝试"),
    Rule("directory-read", "Application selection", "Book 1 §12.3.2 step 4", FINE, "The directory was read to its end", "已读完目录"),
    Rule("card-blocked", "Application selection", "Book 1 §12.3.2 step 1, §12.3.3 step 2", END, "The card is blocked or does not know SELECT", "卡片已锁定或不支持选择命令"),
    Rule("candidate", "Application selection", "Book 1 §12.3.2 step 3, §12.3.3 steps 4, 6", FINE, "Card and terminal both know this application", "卡片与终端都支持此应用"),
    Rule("list-absent", "Application selection", "Book 1 §12.3.3 step 3", SKIPPED, "The card has no (further) application of this name", "卡片没有（更多）此名称的应用"),
    Rule("list-broken", "Application selection", "Book 1 §12.3.3 step 3", FINDING, "The answer about this name has an error: it is passed over", "对此名称的应答有错误，跳过"),
    Rule("list-longer", "Application selection", "Book 1 §12.3.3 step 6", SKIPPED, "The card's name is longer and the terminal wants it exact", "卡片应用名更长，而终端要求完全匹配"),
    Rule("list-endless", "Application selection", "the kernel's own bound", FINDING, "The card names one application after the other: the rest is left", "卡片不断给出下一个应用，其余不再询问"),
    Rule("application-blocked", "Application selection", "Book 1 §12.3.3 steps 4, 6", FINDING, "This application of the card is blocked", "卡片的此应用已锁定"),
    Rule("language-preferred", "Application selection", "Book 4 §11.1", WAY, "The cardholder is spoken to in the first of the card's languages that the terminal knows", "以卡片首选且终端支持的语言与持卡人对话"),
    Rule("chosen-alone", "Application selection", "Book 1 §12.4 step 2", WAY, "There is one application, and it needs no confirmation", "只有一个应用，且无需确认"),
    Rule("chosen-by-cardholder", "Application selection", "Book 1 §12.4 steps 2, 4", WAY, "The cardholder chose or confirmed the application", "持卡人选择或确认了应用"),
    Rule("chosen-by-terminal", "Application selection", "Book 1 §12.4 step 5", WAY, "Nobody can be asked: the best application that needs no confirmation", "无人可询问，取无需确认的最高优先级应用"),
    Rule("choice-cancelled", "Application selection", "Book 1 §12.4 step 2", END, "The cardholder chose or confirmed none", "持卡人没有选择或确认应用"),
    Rule("nobody-to-confirm", "Application selection", "Book 1 §12.4 step 5", END, "Every application needs a confirmation that nobody can give", "所有应用都需要确认，但无人可确认"),
    Rule("application-begun", "Application selection", "Book 3 §10.1", WAY, "An application begins, with clean TVR and TSI", "开始一个应用，TVR和TSI清零"),
    Rule("application-selected", "Application selection", "Book 1 §12.4", FINE, "The application is selected", "应用选择成功"),
    Rule("application-refused", "Application selection", "Book 1 §12.4", FINDING, "The application cannot be selected: it leaves the list", "应用无法选择，从列表中删除"),
    # Initiate application processing
    Rule("pdol-absent", "Initiate application processing", "Book 3 §10.1", FINE, "The card wants no terminal data beforehand", "卡片事先不需要终端数据"),
    Rule("pdol-filled", "Initiate application processing", "Book 3 §5.4, §10.1", FINE, "The card is given the terminal data that it asked for", "已按卡片要求提供终端数据"),
    Rule("options-refused", "Initiate application processing", "Book 3 §10.1", WAY, "The application is not to be used this time: another is chosen", "此应用本次不可用，另选应用"),
    Rule("options-taken", "Initiate application processing", "Book 3 §6.5.8.4", FINE, "The card said what it supports and where its data are", "卡片已告知其功能和数据位置"),
    # Read application data
    Rule("record-proprietary", "Read application data", "Book 3 §10.2", SKIPPED, "A record of a scheme's or issuer's file is not in the form of the Books", "卡组织或发卡行文件的记录不是规范格式，忽略"),
    Rule("mandatory-missing", "Read application data", "Book 3 §7.2, §7.5", END, "Mandatory data is missing", "缺少必备数据"),
    Rule("records-read", "Read application data", "Book 3 §10.2", FINE, "Every record was read", "所有记录已读出"),
    # Offline data authentication
    Rule("oda-none", "Offline data authentication", "Book 3 §10.3", SKIPPED, "Card and terminal have no method in common", "卡片与终端没有共同的脱机数据认证方法"),
    Rule("oda-sda", "Offline data authentication", "Book 3 §10.3", WAY, "SDA is the best that both can do", "选择静态数据认证(SDA)"),
    Rule("oda-dda", "Offline data authentication", "Book 3 §10.3", WAY, "DDA is the best that both can do", "选择动态数据认证(DDA)"),
    Rule("oda-cda", "Offline data authentication", "Book 3 §10.3", WAY, "CDA is the best that both can do", "选择复合动态数据认证(CDA)"),
    Rule("issuer-key-good", "Offline data authentication", "Book 2 §5.3", FINE, "The CA's key vouches for the issuer's key", "认证中心公钥验证了发卡行公钥证书"),
    Rule("icc-key-good", "Offline data authentication", "Book 2 §6.4", FINE, "The issuer's key vouches for the card's key and its static data", "发卡行公钥验证了IC卡公钥证书和静态数据"),
    Rule("pin-key-good", "Cardholder verification", "Book 2 §7.1", FINE, "The issuer's key vouches for the card's PIN encipherment key", "发卡行公钥验证了PIN加密公钥证书"),
    Rule("default-ddol", "Offline data authentication", "Book 2 §6.5.1", WAY, "The card has no DDOL: the terminal's default one is used", "卡片无DDOL，使用终端缺省DDOL"),
    Rule("sda-good", "Offline data authentication", "Book 2 §5.4", FINE, "The issuer signed the card's static data", "静态数据签名验证成功"),
    Rule("dda-good", "Offline data authentication", "Book 2 §6.5.2", FINE, "The card signed with the key that the issuer vouched for", "动态数据签名验证成功"),
    Rule("cda-asked", "Card action analysis", "Book 2 §6.6, Annex D4", WAY, "The cryptogram is asked for with a CDA signature", "请求带CDA签名的密文"),
    Rule("cda-not-yet", "Card action analysis", "Book 2 §6.6, §6.6.3", FINDING, "The first cryptogram is asked for without a CDA signature", "第一个密文不请求CDA签名"),
    Rule("cda-still-open", "Online processing", "Book 2 §6.6", WAY, "From here on the missing first signature counts no more", "此后不再计未做的首次CDA签名"),
    Rule("cda-good", "Card action analysis", "Book 2 §6.6.2", FINE, "The card signed its cryptogram and everything that went to and fro", "CDA签名验证成功"),
    Rule("sda-failed", "Offline data authentication", "Book 2 §5", FINDING, "SDA failed", "静态数据认证失败"),
    Rule("dda-failed", "Offline data authentication", "Book 2 §6", FINDING, "DDA failed", "动态数据认证失败"),
    Rule("cda-failed", "Offline data authentication", "Book 2 §6.6", FINDING, "CDA failed", "复合动态数据认证失败"),
    Rule("oda-data-missing", "Offline data authentication", "Book 3 §7.5", FINDING, "An element that the method needs is missing", "认证所需的卡片数据缺失"),
    Rule("oda-performed", "Offline data authentication", "Book 3 §10.3", FINE, "Offline data authentication was performed", "已进行脱机数据认证"),
    Rule("cda-failed-decline", "Card action analysis", "Book 4 §6.3.2.1", END, "The card's signature is not genuine: declined, without asking the issuer", "CDA签名验证失败，不联机直接拒绝"),
    # Processing restrictions
    Rule("avn-same", "Processing restrictions", "Book 3 §10.4.1", FINE, "Card and terminal have the same application version", "卡片与终端应用版本一致"),
    Rule("avn-differs", "Processing restrictions", "Book 3 §10.4.1", FINDING, "Card and terminal have different application versions", "卡片与终端应用版本不一致"),
    Rule("avn-absent", "Processing restrictions", "Book 3 §10.4.1", SKIPPED, "The card or the terminal names no application version: they count as the same", "卡片或终端未给出应用版本，视为一致"),
    Rule("auc-absent", "Processing restrictions", "Book 3 §10.4.2", SKIPPED, "The card does not restrict its use", "卡片没有用途限制"),
    Rule("auc-allows", "Processing restrictions", "Book 3 §10.4.2", FINE, "The card allows this service here", "卡片允许在此进行此项服务"),
    Rule("auc-not-at-cash-machines", "Processing restrictions", "Book 3 §10.4.2", FINDING, "The card is not for cash machines", "卡片不可用于自动柜员机"),
    Rule("auc-only-at-cash-machines", "Processing restrictions", "Book 3 §10.4.2", FINDING, "The card is for cash machines only", "卡片仅可用于自动柜员机"),
    Rule("auc-no-cash", "Processing restrictions", "Book 3 §10.4.2 table 36", FINDING, "The card does not allow cash here", "卡片不允许在此取现"),
    Rule("auc-no-purchase", "Processing restrictions", "Book 3 §10.4.2 table 36", FINDING, "The card does not allow purchases here", "卡片不允许在此消费"),
    Rule("auc-no-cashback", "Processing restrictions", "Book 3 §10.4.2 table 36", FINDING, "The card does not allow cash back here", "卡片不允许在此返现"),
    Rule("effective-date-absent", "Processing restrictions", "Book 3 §10.4.3", SKIPPED, "The card has no day from which it is good", "卡片没有生效日期"),
    Rule("effective", "Processing restrictions", "Book 3 §10.4.3", FINE, "The card is already good", "卡片已生效"),
    Rule("not-yet-effective", "Processing restrictions", "Book 3 §10.4.3", FINDING, "The card is not good yet", "卡片尚未生效"),
    Rule("not-expired", "Processing restrictions", "Book 3 §10.4.3", FINE, "The card has not expired", "卡片未过期"),
    Rule("expired", "Processing restrictions", "Book 3 §10.4.3", FINDING, "The card has expired", "卡片已过期"),
    # Cardholder verification
    Rule("cvm-not-asked", "Cardholder verification", "Book 3 §10.5", SKIPPED, "The card does not support cardholder verification", "卡片不支持持卡人验证"),
    Rule("cvm-list-missing", "Cardholder verification", "Book 3 §7.5", FINDING, "The card supports cardholder verification and has no list of methods, or one without rules", "卡片支持持卡人验证但没有方法列表，或列表没有规则"),
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
    Rule("forced-online", "Terminal risk management", "Book 4 §6.5.3", FINDING, "The merchant wants the issuer to be asked", "商户要求联机"),
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
    Rule("cryptogram-not-allowed", "Card action analysis", "Book 3 §9.3", END, "The card gave more than it was asked for, or a reserved type", "卡片给出的密文高于所请求的，或为保留类型"),
    Rule("cryptogram-counts-as-aac", "Completion", "Book 3 §9.3", FINDING, "The last cryptogram is one that the card may not give: it counts as a refusal", "最后的密文类型不允许，视为AAC"),
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
    Rule("issuer-referred", "Online processing", "Book 4 §6.5.2.2", FINDING, "The issuer wants to be called", "发卡行要求电话联系"),
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
        "card-read": ("The card was read, and nothing was asked of it", "卡片已读取，未请求密文"),
        "cancelled": ("Cancelled", "已取消"),
        "pin-cancelled": ("PIN entry cancelled", "密码输入已取消"),
        "pin-timed-out": ("PIN entry timed out", "密码输入超时"),
        "no-application": ("No application in common", "无共同应用"),
        "application-blocked": ("The application is blocked", "应用已锁定"),
        "card-blocked": ("The card is blocked or answers no selection", "卡片已锁定"),
        "too-much": ("The card answers without end", "卡片应答没有尽头"),
        "card-refused": ("The card refused a command", "卡片拒绝命令"),
        "data-missing": ("The card lacks mandatory data", "卡片缺少必备数据"),
        "bad-data": ("The card sent data that cannot be read", "卡片数据错误"),
        "card-not-authenticated": ("The card's signature is not genuine", "卡片签名验证失败"),
        "cryptogram-not-allowed": ("The card answered with a cryptogram it may not give", "卡片密文类型错误"),
    }
)
