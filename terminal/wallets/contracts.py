"""From a shop's contracts to its rails: what is configured, with the keys that the key store lends.

A contract that cannot be used gives a rail all the same, one that says why and lets nothing leave: its orders must not
go to somebody else because a file is missing. What there is to say is a word of room "fault".
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable
from pathlib import Path

from drivers.ports import Https
from keys import ContractKeys, ContractRef, KeyRefused, KeyStore
from terminal.config import Address, AlipayContract, Config, WeChatContract
from terminal.model import Method
from terminal.rail import Bill, Fate, Order, OrderNews, Rail, Refund, RefundFate, RefundNews, Rules
from terminal.wallets.direct import Direct, Wallet

# To a gateway, believing the authorities in that file; None: the system's.
OpenHttps = Callable[[Address, Path | None], Https]

METHODS = {"shown": Method.QR_SHOWN, "scanned": Method.QR_SCANNED}  # By the words of `direct`.
NO_KEYS, NO_LIBRARY = "wallet_keys", "wallet_library"
NONCE_BYTES = 16
RULES = Rules()


class NotReady:
    """Meets `terminal.rail.Rail`: whatever is asked, no byte has left, and `fault` is why."""

    rules = RULES
    fee_bp: int | None = None

    def __init__(self, name: str, fault: str, takes: frozenset[Method]) -> None:
        self.name = name
        self.fault = fault
        self.takes = takes

    async def create(self, order: Order) -> OrderNews:
        return self._unsent

    async def pay_by_code(self, order: Order, code: str) -> OrderNews:
        return self._unsent

    async def query(self, order: Order) -> OrderNews:
        return self._unsent

    async def close(self, order: Order) -> OrderNews:
        return self._unsent

    async def reverse(self, order: Order) -> OrderNews:
        return self._unsent

    async def refund(self, order: Order, refund: Refund) -> RefundNews:
        return RefundNews(RefundFate.UNSENT, fault=self.fault)

    async def refund_query(self, order: Order, refund: Refund) -> RefundNews:
        return RefundNews(RefundFate.UNSENT, fault=self.fault)

    async def bill(self, day: datetime.date) -> Bill:
        return Bill(None, self.fault)

    @property
    def _unsent(self) -> OrderNews:
        return OrderNews(Fate.UNSENT, fault=self.fault)


def build_rails(config: Config, keys: KeyStore, https: OpenHttps, wall_ms: Callable[[], int]) -> dict[str, Rail]:
    """A rail for each contract of the configuration, by wallet. Raises nothing: see NotReady."""
    return {name: _rail(name, contract, config, keys, https, wall_ms) for name, contract in config.wallets.contracts}


def _rail(
    name: str,
    contract: WeChatContract | AlipayContract,
    config: Config,
    keys: KeyStore,
    https: OpenHttps,
    wall_ms: Callable[[], int],
) -> Rail:
    takes = frozenset(METHODS[word] for word in contract.direct)
    try:
        lent = keys.contracts.lend(ContractRef(contract.key))
        client = https(contract.gateway, contract.ca)
        wallet: Wallet
        if isinstance(contract, WeChatContract):
            wallet = _wechat(contract, lent, config.merchant.name, client, wall_ms)
        else:
            wallet = _alipay(contract, lent, config.merchant.name, client, wall_ms)
    except (KeyRefused, ValueError):
        return NotReady(name, NO_KEYS, takes)
    except ImportError:
        return NotReady(name, NO_LIBRARY, takes)
    return Direct(wallet, takes, contract.fee_bp)


# The libraries are imported when there is a contract, and not before: they take a second on a small processor.


def _wechat(
    contract: WeChatContract, lent: ContractKeys, shop: str, client: Https, wall_ms: Callable[[], int]
) -> Wallet:
    from terminal.wallets.wechat import Contract, WeChat

    told = Contract(
        mchid=contract.merchant_id or "",
        appid=contract.app_id or "",
        serial=(contract.serial or "").upper(),
        private_key=lent.private_pem,
        api_v3_key=lent.api_v3_key,
        public_key=lent.wallet_pem,
        public_key_id=contract.public_key_id or "",
        store_id=contract.store_id,
        description=shop,
    )
    return WeChat(told, client, wall_ms, lambda: secrets.token_hex(NONCE_BYTES).upper())


def _alipay(
    contract: AlipayContract, lent: ContractKeys, shop: str, client: Https, wall_ms: Callable[[], int]
) -> Wallet:
    from terminal.wallets.alipay import Alipay, Contract

    told = Contract(contract.app_id or "", lent.private_pem, lent.wallet_pem, contract.store_id, shop)
    return Alipay(told, client, wall_ms)
