"""The contracts that the simulator's gateways have with everybody: numbers, and keys that anybody can read.

The keys lie beside this file, made for it and published with it; keys/testkeys.py knows them by their fingerprints, so
a terminal takes them without `real_keys`. They protect nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from keys import ContractRef, KeyStore, contract_intake
from keys.testkeys import TEST_API_V3_KEY
from sim.gateways.alipay import AlipayGateway
from sim.gateways.till import Till
from sim.gateways.wechat import Merchant, WeChatGateway
from terminal.config import Address, AlipayContract, Wallets, WeChatContract

KEYS = Path(__file__).parent / "keys"
WALLETS = ("wechat", "alipay")
CODE_PREFIX = {"wechat": "13", "alipay": "28"}
WECHAT = WeChatContract(
    merchant_id="1900000001", app_id="wx0000000000000001", serial="5E41A101", public_key_id="PUB_KEY_ID_0119000001"
)
ALIPAY = AlipayContract(app_id="2021000000000001")


def private_key(name: str) -> rsa.RSAPrivateKey:
    """`name`: wechat-shop, wechat-wallet, alipay-shop, alipay-wallet."""
    key = serialization.load_pem_private_key((KEYS / f"{name}.pem").read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{name}.pem is no RSA key")
    return key


def private_pem(name: str) -> bytes:
    return (KEYS / f"{name}.pem").read_bytes()


def public_pem(name: str) -> bytes:
    return private_key(name).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def load_into(store: KeyStore, wallet: str) -> None:
    """What somebody does with `python -m keys wallet`: the shop's side of a contract into its terminal's store."""
    secret = bytearray(TEST_API_V3_KEY if wallet == "wechat" else b"")
    fresh = contract_intake.read(
        ContractRef(wallet), private_pem(f"{wallet}-shop"), public_pem(f"{wallet}-wallet"), secret
    )
    store.contracts.load(fresh)


def contracts(wallets: tuple[str, ...], address: Address, ca: Path) -> Wallets:
    """What a terminal's configuration says of the gateways at this address."""
    made = Wallets()
    if "wechat" in wallets:
        made = replace(made, wechat=replace(WECHAT, gateway=address, ca=ca))
    if "alipay" in wallets:
        made = replace(made, alipay=replace(ALIPAY, gateway=address, ca=ca))
    return made


def till_of(wallet: str, draw: Callable[[int], bytes]) -> Till:
    return Till(f"https://{wallet}.test/", CODE_PREFIX[wallet], draw)


def wechat_gateway(till: Till, draw: Callable[[int], bytes]) -> WeChatGateway:
    """With the other wallet's key for its bad moods."""
    merchant = Merchant(
        WECHAT.merchant_id or "", WECHAT.app_id or "", WECHAT.serial or "", private_key("wechat-shop").public_key()
    )
    forger = private_key("alipay-wallet")
    return WeChatGateway(till, merchant, private_key("wechat-wallet"), WECHAT.public_key_id or "", forger, draw)


def alipay_gateway(till: Till) -> AlipayGateway:
    app_key, forger = private_key("alipay-shop").public_key(), private_key("wechat-wallet")
    return AlipayGateway(till, ALIPAY.app_id or "", app_key, private_key("alipay-wallet"), forger)
