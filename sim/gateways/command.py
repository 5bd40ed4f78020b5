"""`python -m sim gateways`: the wallets' own gateways on one port of TLS, and a customer who does what is typed.

A folder gets all that a terminal needs to speak to them: the authority, the keys of both sides' contracts (published:
sim/gateways/published.py), and `wallets.toml`, the piece of a configuration. What is printed says what to do with them.
Each line that is typed is the customer's: `code wechat` shows a payment code, `pay PAYLOAD` pays a code that was shown.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType

from keys.testkeys import TEST_API_V3_KEY
from sim.acquirer.server import wall_ms
from sim.acquirer.wallets import Wallet, WalletKind
from sim.arguments import port_number
from sim.gateways import published
from sim.gateways.server import GatewayServer
from sim.gateways.till import No, Refused
from sim.tls import Certificates, make_certificates
from terminal.config import Address
from terminal.hygiene import private_folder

DEFAULT_PORT = 8443
DEFAULT_DATA = Path("data") / "gateways"
CONFIGURATION = "wallets.toml"
BALANCE_MINOR = 100_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=port_number, default=DEFAULT_PORT, help="0: a free one (default: %(default)s)")
    for wallet in published.WALLETS:
        parser.add_argument(f"--{wallet}", action="store_true", help=f"the gateway of {wallet} (default: both)")
    parser.add_argument(
        "--data", type=Path, default=DEFAULT_DATA, metavar="DIR", help="certificates, keys (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="each line that is printed is one JSON object")


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes, also when nobody types any more. 0: ended; 1: it could not start."""
    wallets = tuple(wallet for wallet in published.WALLETS if getattr(args, wallet)) or published.WALLETS
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        gateways = Gateways(args.data.absolute(), wallets, port=args.port)
    except OSError as error:
        print(f"gateways: {error.filename or args.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    with gateways.server:
        if args.json:
            _say(listening=f"127.0.0.1:{gateways.server.port}", data=str(gateways.folder), wallets=list(wallets))
        else:
            print("\n".join(gateways.instructions()), flush=True)
        for line in sys.stdin:
            told = gateways.customer(line.split())
            if args.json:
                _say(**told)
            else:
                print(" ".join(told.values()), flush=True)
        threading.Event().wait()
    return 0


class Gateways:
    """Both gateways, one customer, and a folder for their terminal. Raises OSError."""

    def __init__(
        self, folder: Path, wallets: Sequence[str], *, port: int, on_exchange: Callable[[], None] = lambda: None
    ) -> None:
        self.folder = folder
        self.wallets = tuple(wallets)
        self.tills = {wallet: published.till_of(wallet, os.urandom) for wallet in wallets}
        self._people = {
            wallet: Wallet(WalletKind(wallet), BALANCE_MINOR, confirm_from_minor=BALANCE_MINOR) for wallet in wallets
        }
        wechat, alipay = self.tills.get("wechat"), self.tills.get("alipay")
        self.server = GatewayServer(
            published.wechat_gateway(wechat, os.urandom) if wechat else None,
            published.alipay_gateway(alipay) if alipay else None,
            self._written(),
            wall_ms,
            ("127.0.0.1", port),
            on_exchange,
        )
        (folder / CONFIGURATION).write_text("\n".join(self._configuration()), encoding="utf-8")

    def _written(self) -> Certificates:
        for wallet in self.wallets:
            self._key(f"{wallet}-shop.pem", published.private_pem(f"{wallet}-shop"))
            self._key(f"{wallet}-wallet.pub.pem", published.public_pem(f"{wallet}-wallet"))
        self._key("api-v3-key", TEST_API_V3_KEY + b"\n")
        return make_certificates(self.folder)

    def _key(self, name: str, data: bytes) -> None:
        private_folder(self.folder)
        (self.folder / name).touch(mode=0o600)
        (self.folder / name).write_bytes(data)

    def _configuration(self) -> Iterator[str]:
        said = published.contracts(self.wallets, Address("127.0.0.1", self.server.port), self.folder / "ca.pem")
        for wallet, contract in said.contracts:
            yield f"[wallets.{wallet}]"
            for name in ("merchant_id", "app_id", "serial", "public_key_id", "ca"):
                if getattr(contract, name, None):
                    yield f"{name} = {json.dumps(str(getattr(contract, name)), ensure_ascii=False)}"
            yield f'gateway = "https://{contract.gateway}"'

    def instructions(self) -> Iterator[str]:
        yield f"# 钱包网关 gateways: https://127.0.0.1:{self.server.port}"
        yield f"# 终端的配置 for the terminal's configuration: {self.folder / CONFIGURATION}"
        yield from self._configuration()
        yield "# 装入密钥，终端须已停止 load the keys, while the terminal is off (DATA: its data folder):"
        for wallet in self.wallets:
            files = f"--private-key {self.folder}/{wallet}-shop.pem --public-key {self.folder}/{wallet}-wallet.pub.pem"
            secret = f" --api-v3-key {self.folder}/api-v3-key" if wallet == "wechat" else ""
            yield f"# python -m keys wallet {wallet} --data DATA {files}{secret}"
        yield "# 顾客 the customer: code wechat · pay PAYLOAD"

    def customer(self, words: Sequence[str]) -> dict[str, str]:
        """Do what is typed; what came of it."""
        now_ms = wall_ms()
        with self.server.lock:
            match words:
                case ["code", wallet] if wallet in self.tills:
                    return {"code": self.tills[wallet].new_code(self._people[wallet], now_ms)}
                case ["pay", payload]:
                    return {"pay": self._pay(payload, now_ms)}
        return {"not understood": " ".join(words)}

    def _pay(self, payload: str, now_ms: int) -> str:
        said = "unknown"
        for wallet, till in self.tills.items():
            try:
                return till.scan(payload, self._people[wallet], now_ms).state.value
            except Refused as no:
                said = said if no.why is No.UNKNOWN else no.why.value
        return said


def _say(**facts: object) -> None:
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
