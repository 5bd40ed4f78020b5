"""`python -m keys`: the ceremony tool. Components, check values, key blocks, and keys into a terminal's store.

A key comes from standard input, a file of its owner's alone or a descriptor, never from the command line (which every
user of the machine can read); it is not echoed and never shown, but for components that were asked for. Only
published test keys are taken unless `--allow-real-keys` is named: a computer with a prompt is no place for a real key.

Ends with 0; 1 for what is refused; 2 for a wrong command line.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import sys
import termios
from collections.abc import Iterator, Sequence
from typing import TextIO, cast

from keys.block_header import BlockMalformed
from keys.errors import KeyRefused
from keys.tools.answer import Command
from keys.tools.key_input import Keyboard, Source

# name: (module with add_arguments and run, what it does, an example, whether keys of one's own are a question)
COMMANDS = {
    "inspect": ("look", "密钥块的头部，无需密钥 / a key block's header, without its key", "inspect BLOCK", False),
    "kcv": ("look", "校验值 / a key's check value", "kcv --algorithm TDES --key file:PATH", True),
    "components": (
        "ceremony",
        "把密钥分成组件 / split a key into components, each with its check value",
        "components --key test:tmk --count 3 --out papers",
        True,
    ),
    "combine": (
        "ceremony",
        "合并组件，核对校验值 / join components: their check values and the key's",
        "combine --component file:papers/component-1 --component file:papers/component-2",
        True,
    ),
    "wrap": (
        "wrapping",
        "制作密钥块 / make a key block",
        "wrap --kbpk test:aes256 --key test:tmk --usage K0 --algorithm TDES --mode D",
        True,
    ),
    "unwrap": (
        "wrapping",
        "打开密钥块，可装入终端 / open a key block: check value; into a terminal's store",
        "unwrap BLOCK --kbpk fd:3 --data DIR 3<kbpk",
        True,
    ),
    "remote-key": (
        "remote",
        "终端的 RSA 公钥 / the terminal's RSA public key, made at the first call",
        "remote-key --data DIR --out terminal.der",
        False,
    ),
    "remote-request": (
        "remote",
        "向主机请求密钥 / ask the host for a key: writes the request",
        "remote-request --data DIR --host-key host.der --host-fingerprint HEX --out request",
        False,
    ),
    "remote-accept": (
        "remote",
        "装入主机发来的密钥 / load the key that the host sent",
        "remote-accept --data DIR token",
        True,
    ),
    "wallet": (
        "contract",
        "装入与钱包直连的合同密钥 / load the keys of a contract with a wallet",
        "wallet wechat --data DIR --private-key apiclient_key.pem --public-key pub_key.pem",
        True,
    ),
}
_ENDS = "结束码 exit status: 0; 1 被拒绝 refused; 2 命令行有误 wrong command line"


def main(argv: Sequence[str], source: Source, out: TextIO, err: TextIO, *, prompting: bool = False) -> int:
    """Run one command; the exit code. With `prompting` a person is told what to type."""
    args = _parser(argv).parse_args(argv)

    def prompt(words: str) -> None:
        if prompting:
            print(f"{words}: ", end="", file=err, flush=True)

    try:
        answer = _module(args.command).run(args, Keyboard(source, prompt))
    except BlockMalformed as fault:
        facts: dict[str, str | int] = {"field": fault.field, "offset": fault.offset, "reason": fault.reason}
        return _refuse(str(fault), facts, args, out, err)
    except KeyRefused as fault:
        return _refuse(str(fault), {"reason": str(fault)}, args, out, err)
    except OSError as fault:
        reason = f"{fault.filename or ''}: {fault.strerror or fault}".lstrip(": ")
        return _refuse(reason, {"reason": reason}, args, out, err)
    print(json.dumps(answer.facts, ensure_ascii=False) if args.json else "\n".join(answer.lines), file=out)
    return 0


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Only the module of the command that was asked for is imported: RSA costs 50 ms."""
    parser = argparse.ArgumentParser(prog="python -m keys", description="密钥工具 / Key tool", epilog=_ENDS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, words, example, takes_keys) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=words,
            description=words,
            epilog=f"例 example: python -m keys {example}\n{_ENDS}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name not in argv[:1]:
            continue
        _module(name).add_arguments(name, command)
        command.add_argument("--json", action="store_true", help="供程序使用 / for programs")
        if takes_keys:
            command.add_argument(
                "--allow-real-keys",
                action="store_true",
                help="接受非测试密钥 / take keys that are not published",
            )
    return parser


def _module(command: str) -> Command:
    return cast(Command, importlib.import_module(f"keys.tools.{COMMANDS[command][0]}"))


def _refuse(text: str, facts: dict[str, str | int], args: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    if args.json:
        print(json.dumps({"refused": facts}, ensure_ascii=False), file=out)
    print(f"拒绝 / refused: {text}", file=err)
    return 1


@contextlib.contextmanager
def _without_echo(descriptor: int) -> Iterator[bool]:
    """A terminal shows the end of a line and nothing else that is typed; a pipe needs nothing. Whether it is one."""
    if not os.isatty(descriptor):
        yield False
        return
    before = termios.tcgetattr(descriptor)
    silent = [*before[:3], before[3] & ~termios.ECHO | termios.ECHONL, *before[4:]]
    try:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
        yield True
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


if __name__ == "__main__":
    try:
        with _without_echo(sys.stdin.fileno()) as typing, io.FileIO(sys.stdin.fileno(), closefd=False) as keyboard:
            sys.exit(main(sys.argv[1:], keyboard, sys.stdout, sys.stderr, prompting=typing))
    except KeyboardInterrupt:
        sys.exit(130)  # What a shell expects of Ctrl-C; a traceback would help nobody.
