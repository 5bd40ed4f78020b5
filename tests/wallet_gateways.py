"""Both gateways, on a port of TLS or at once, and the terminal's wallets before them: for tests of direct wallets."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from drivers.https import HttpsClient
from drivers.ports import HttpAnswer, Https, LinkDown, LinkFault
from sim.acquirer.wallets import Wallet, WalletKind
from sim.gateways.alipay import AlipayGateway
from sim.gateways.server import GatewayServer
from sim.gateways.till import Till
from sim.gateways.wechat import Merchant, WeChatGateway
from sim.tls import make_certificates
from terminal.model import Method, Money
from terminal.rail import Order
from terminal.wallets.alipay import Alipay
from terminal.wallets.alipay import Contract as AlipayContract
from terminal.wallets.wechat import Contract as WeChatContract
from terminal.wallets.wechat import WeChat

NOW_MS = 1_780_000_000_000


class Clock:
    """Both sides' time; `skew_ms` is how wrong the terminal's is."""

    def __init__(self) -> None:
        self.ms = NOW_MS
        self.skew_ms = 0


@dataclass(frozen=True, slots=True)
class Keys:
    """Made once: RSA keys are slow to make."""

    merchant: rsa.RSAPrivateKey
    wallet: rsa.RSAPrivateKey
    forger: rsa.RSAPrivateKey

    @classmethod
    def made(cls) -> Keys:
        return cls(*(rsa.generate_private_key(65537, 2048) for _ in range(3)))


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


class Impatient(HttpsClient):
    """The same, but no exchange may take longer than `patience_s`."""

    patience_s = 20.0

    def exchange(self, *words: Any, **more: Any) -> HttpAnswer:
        return super().exchange(*words, **{**more, "within_s": self.patience_s})


class Handed:
    """Meets `drivers.ports.Https`: each request is the gateway's at once. `cut`: no byte leaves."""

    host = "wallet.test"

    def __init__(self, gateway: WeChatGateway | AlipayGateway, wall_ms: Callable[[], int]) -> None:
        self._gateway = gateway
        self._wall_ms = wall_ms
        self.cut = False
        self.ahead_ms = 0  # Of our clock: the wallet's is right.

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", **_: object
    ) -> HttpAnswer:
        if self.cut:
            raise LinkDown(LinkFault.REFUSED, sent=False)
        url, now_ms = urlsplit(target), self._wall_ms() + self.ahead_ms
        if isinstance(self._gateway, WeChatGateway):
            lower = {name.lower(): value for name, value in headers.items()}
            answer = self._gateway.handle(method, target, lower, body, now_ms)
        elif url.path == "/bill":
            answer = self._gateway.bill(url.query)
        else:
            answer = self._gateway.handle(url.query, now_ms)
        if answer is None:
            raise LinkDown(LinkFault.TIMEOUT, sent=True)
        return HttpAnswer(answer.status, {n.lower(): v for n, v in (answer.headers or {}).items()}, answer.body)

    def at(self, host: str) -> Handed:
        return self


@dataclass(slots=True)
class Bench:
    """One wallet with its gateway's till, a user with money, and the clock of both."""

    wallet: WeChat | Alipay
    till: Till
    user: Wallet
    clock: Clock
    port: int
    ca: Path
    client: Impatient


@contextlib.contextmanager
def bench(which: str, keys: Keys, folder: Path) -> Iterator[Bench]:
    """`which` is "wechat" or "alipay"."""
    clock, draw = Clock(), random.Random(1).randbytes
    certificates = make_certificates(folder)
    till, gateway = gateway_of(which, keys, draw)
    wechat, alipay = (gateway, None) if isinstance(gateway, WeChatGateway) else (None, gateway)
    with GatewayServer(wechat, alipay, certificates, lambda: clock.ms) as server:
        client = Impatient("127.0.0.1", server.port, ca_file=certificates.ca)
        wallet = wallet_of(which, keys, client, lambda: clock.ms + clock.skew_ms)
        user = Wallet(WalletKind(which), 100_000, confirm_from_minor=50_000)
        yield Bench(wallet, till, user, clock, server.port, certificates.ca, client)


def gateway_of(
    which: str, keys: Keys, draw: Callable[[int], bytes]
) -> tuple[Till, WeChatGateway | AlipayGateway]:
    till = Till("https://pay.test/", "13" if which == "wechat" else "28", draw)
    merchant_key = keys.merchant.public_key()
    if which == "wechat":
        merchant = Merchant("1900000001", "wx0000000000000001", "SERIAL01", merchant_key)
        return till, WeChatGateway(till, merchant, keys.wallet, "PUB_KEY_ID_01", keys.forger, draw)
    return till, AlipayGateway(till, "2021000000000001", merchant_key, keys.wallet, keys.forger)


def wallet_of(which: str, keys: Keys, line: Https, wall_ms: Callable[[], int]) -> WeChat | Alipay:
    if which == "wechat":
        numbers = itertools.count()
        return WeChat(wechat_contract(keys), line, wall_ms, lambda: f"NONCE{next(numbers):08d}")
    return Alipay(alipay_contract(keys), line, wall_ms)


def wechat_contract(keys: Keys) -> WeChatContract:
    return WeChatContract(
        mchid="1900000001",
        appid="wx0000000000000001",
        serial="SERIAL01",
        private_key=private_pem(keys.merchant),
        api_v3_key="0" * 32,
        public_key=public_pem(keys.wallet),
        public_key_id="PUB_KEY_ID_01",
        store_id="S01",
        description="掌柜茶馆",
    )


def alipay_contract(keys: Keys) -> AlipayContract:
    return AlipayContract("2021000000000001", private_pem(keys.merchant), public_pem(keys.wallet), "S01", "掌柜茶馆")


def order(number: str = "T0000001000001", minor: int = 12_850, method: Method = Method.QR_SHOWN) -> Order:
    return Order(number, method, Money(minor), NOW_MS + 120_000, 120, "000001", "000001")
