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
    # Terminal risk management
    # Terminal action analysis
    # Card action analysis
    # Online processing, issuer authentication
    # Issuer-to-card script processing
    # Completion
)

RULES: Final = MappingProxyType({row.word: row for row in _ROWS})
