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
    # Cardholder verification
    # Terminal risk management
    # Terminal action analysis
    # Card action analysis
    # Online processing, issuer authentication
    # Issuer-to-card script processing
    # Completion
)

RULES: Final = MappingProxyType({row.word: row for row in _ROWS})
