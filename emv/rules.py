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
    # Terminal risk management
    # Terminal action analysis
    # Card action analysis
    # Online processing, issuer authentication
    # Issuer-to-card script processing
    # Completion
)

RULES: Final = MappingProxyType({row.word: row for row in _ROWS})
