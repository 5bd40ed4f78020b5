"""[wallets]: contracts of the shop's own with wallets (docs/wallets.md). Without one, every order is the acquirer's.

Their keys are not here: `key` names them in the key store, where `python -m keys wallet` has put them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from terminal.config.rules import (
    Address,
    Complaint,
    Rule,
    Wrong,
    matching,
    number,
    one_of,
    option,
    path,
    several,
)

HTTPS_PORT = 443
FEE_BP_MAX = 1_000  # Ten per cent: more is a slip of the keyboard.
DIRECT = ("shown", "scanned")  # Codes that we show, and codes that we scan.

_URL = re.compile(r"https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?")


def gateway() -> Rule:
    """An address of HTTPS, with a port or without: never one without TLS."""

    def check(value: Any) -> Address:
        if isinstance(value, str) and value[:7].lower() == "http://":
            raise Wrong("无 TLS, 拒绝: 须为 https://", "refused without TLS: must begin with https://")
        found = _URL.fullmatch(value) if isinstance(value, str) else None
        if found is None or not 1 <= int(found[2] or HTTPS_PORT) <= 65_535:
            raise Wrong('须为 "https://主机" 或 "https://主机:端口"', 'must be "https://host" or "https://host:port"')
        return Address(found[1].strip("[]"), int(found[2] or HTTPS_PORT))

    return check


MAY_BE_ABSENT = ("ca", "fee_bp")
_app_id = matching(r"[0-9A-Za-z]{8,32}", "须为 8 至 32 位数字或字母", "must have 8 to 32 digits or letters")
_store_id = matching(r"[0-9A-Za-z_-]{1,32}", "须为 1 至 32 位数字或字母", "must have 1 to 32 digits or letters")
_direct = several(one_of(*DIRECT), 1, len(DIRECT))


def _key(wallet: str) -> Rule:
    name = f"{wallet} {wallet}-2 ... {wallet}-9"
    return matching(rf"{wallet}(-[2-9])?", f"须为密钥库中的名称: {name}", f"must be a name in the key store: {name}")


@dataclass(frozen=True, slots=True)
class Contract:
    """What both wallets' contracts have. One without `app_id` is no contract.

    `fee_bp`: the fee that was agreed, in basis points of the amount; None: not checked. `direct`: which codes are asked
    for directly; the others are the acquirer's. `store_id` is the shop's own name for this counter. `ca` None: the
    system's authorities.
    """

    app_id: str | None = option(None, _app_id)
    store_id: str = option("1", _store_id)
    ca: Path | None = option(None, path())
    fee_bp: int | None = option(None, number(0, FEE_BP_MAX))
    direct: tuple[str, ...] = option(DIRECT, _direct)

    @property
    def on(self) -> bool:
        return self.app_id is not None

    def complaints(self) -> Iterator[Complaint]:
        """A contract is all there or not at all: half of one would leave its orders to somebody else."""
        needed = [f.name for f in fields(self) if f.default is None and f.name not in MAY_BE_ABSENT]
        missing = [name for name in needed if not getattr(self, name)]
        if missing and self != type(self)():
            for name in missing:
                yield name, Wrong("直连合同须有此项", "a contract needs this one, too")


@dataclass(frozen=True, slots=True)
class WeChatContract(Contract):
    """`serial` is that of the merchant's API certificate; `public_key_id` names the wallet's public key."""

    merchant_id: str | None = option(None, matching(r"[0-9]{8,10}", "须为 8 至 10 位数字", "must have 8 to 10 digits"))
    serial: str | None = option(
        None, matching(r"[0-9A-Fa-f]{8,40}", "须为 8 至 40 位十六进制", "must have 8 to 40 hex digits")
    )
    public_key_id: str | None = option(
        None, matching(r"PUB_KEY_ID_[0-9A-Za-z]{1,53}", "须以 PUB_KEY_ID_ 开头", "must begin with PUB_KEY_ID_")
    )
    key: str = option("wechat", _key("wechat"))
    gateway: Address = option(Address("api.mch.weixin.qq.com", HTTPS_PORT), gateway())


@dataclass(frozen=True, slots=True)
class AlipayContract(Contract):
    """The app's number says whose money it is."""

    key: str = option("alipay", _key("alipay"))
    gateway: Address = option(Address("openapi.alipay.com", HTTPS_PORT), gateway())


@dataclass(frozen=True, slots=True)
class Wallets:
    wechat: WeChatContract = field(default_factory=WeChatContract)
    alipay: AlipayContract = field(default_factory=AlipayContract)

    @property
    def contracts(self) -> tuple[tuple[str, WeChatContract | AlipayContract], ...]:
        """Those that there are, by wallet."""
        both = (("wechat", self.wechat), ("alipay", self.alipay))
        return tuple((name, contract) for name, contract in both if contract.on)
