"""A small acquirer of nobody's but its own: pyiso8583 for the messages, `cryptography` for keys, MAC and PIN.

Written from docs/host-link.md (§1 to §7), it shares no line with the terminal or with the simulated acquirer; that it
inherits from the latter gives it a place in the simulated world, and nothing else. It knows sign-in, sale, reversal,
settlement, batch upload and sign-out, and writes down what it was told.
"""

from __future__ import annotations

import datetime
from typing import Any

import iso8583
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from sim.acquirer import Acquirer
from tests.independent_host_spec import SPEC

TMK = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
PIK = bytes.fromhex("1A2B3C4D5E6F70818293A4B5C6D7E8F9")
MAK = bytes.fromhex("0F1E2D3C4B5A69788796A5B4C3D2E1F0")
TDK = bytes.fromhex("13579BDF02468ACE1122334455667788")
BATCH = "000077"
PIN = "123456"
PREAMBLE_BYTES, MAC_BYTES = 11, 8
ECHOED = ("2", "3", "4", "11", "14", "25", "41", "42", "49", "60")


def triple_des(key: bytes, data: bytes, *, opening: bool = False) -> bytes:
    cipher = Cipher(TripleDES(key + key[:8]), modes.ECB())
    context = cipher.decryptor() if opening else cipher.encryptor()
    return context.update(data) + context.finalize()


def mac_of(data: bytes) -> bytes:
    """§7: fold to eight bytes, spell them, encrypt in two steps, spell the first half."""
    folded = bytearray(8)
    for place, byte in enumerate(data):
        folded[place % 8] ^= byte
    spelled = folded.hex().upper().encode()
    first = triple_des(MAK, spelled[:8])
    last = triple_des(MAK, bytes(one ^ two for one, two in zip(first, spelled[8:], strict=True)))
    return last.hex().upper().encode()[:8]


def pin_of(block: bytes, pan: str) -> str:
    """ISO 9564-1 format 0."""
    clear = triple_des(PIK, block, opening=True)
    account = bytes.fromhex("0000" + pan[-13:-1])
    text = bytes(one ^ two for one, two in zip(clear, account, strict=True)).hex()
    return text[2 : 2 + int(text[1], 16)] if text[0] == "0" else ""


class IndependentHost(Acquirer):
    """`heard`: each request as pyiso8583 reads it. `sold`: amounts by STAN. `mute`: STANs that get no answer."""

    def __init__(self, mute: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.heard: list[dict[str, Any]] = []
        self.sold: dict[str, int] = {}
        self.taken_back: dict[str, str] = {}  # STAN to the reason told.
        self.settled: list[str] = []
        self.mute = mute

    def handle(self, frame: bytes, now_ms: int) -> tuple[bytes, ...]:
        asked, _ = iso8583.decode(frame, SPEC)
        self.heard.append(asked)
        now = datetime.datetime.fromtimestamp(now_ms / 1000, datetime.timezone(datetime.timedelta(hours=8)))
        fields = {name: asked[name] for name in ECHOED if name in asked}
        fields |= {"12": f"{now:%H%M%S}", "13": f"{now:%m%d}", "32": "48440000"}
        good = "64" not in asked or mac_of(frame[PREAMBLE_BYTES:-MAC_BYTES]) == frame[-MAC_BYTES:]
        fields |= self._decide(asked, fields) if good else {"39": "A0"}
        if asked["t"] == "0200" and asked["11"] in self.mute:
            return ()
        tpdu, header = asked["h"][:10], asked["h"][10:]
        reply = {"h": tpdu[:2] + tpdu[6:] + tpdu[2:6] + header, "t": f"{int(asked['t']) + 10:04d}", **fields}
        if "64" not in asked:
            return (bytes(iso8583.encode(reply, SPEC)[0]),)
        unsigned, _ = iso8583.encode({**reply, "64": "00" * MAC_BYTES}, SPEC)
        covered = bytes(unsigned[:-MAC_BYTES])
        return (covered + mac_of(covered[PREAMBLE_BYTES:]),)

    def _decide(self, asked: dict[str, Any], fields: dict[str, str]) -> dict[str, str]:
        stan = asked.get("11", "")
        match asked["t"]:
            case "0800":
                block = b"".join(triple_des(TMK, key) + triple_des(key, bytes(8))[:4] for key in (PIK, MAK, TDK))
                return {"39": "00", "37": "000000000001", "60": f"00{BATCH}004", "62": block.hex().upper()}
            case "0200":
                if pin_of(bytes.fromhex(asked["52"]), asked["2"]) != PIN:
                    return {"39": "55"}
                self.sold[stan] = int(asked["4"])
                return {"39": "00", "37": f"{stan:>012}", "38": stan, "44": f"{'01020000':11}{'48440000':11}"}
            case "0400":
                known = self.sold.pop(stan, None)
                self.taken_back[stan] = asked["39"]
                return {"39": "25" if known is None else "00", "37": f"{stan:>012}"}
            case "0500":
                self.settled.append(asked["48"])
                debit = f"{sum(self.sold.values()):012d}{len(self.sold):03d}"
                same = asked["48"].startswith(debit + "0" * 15)
                return {"39": "00", "48": asked["48"][:30] + ("1" if same else "2") + asked["48"][31:61] + "1"}
            case "0320" | "0820":  # Batch upload and its end, sign-out: nothing to decide.
                return {"39": "00"}
        return {"39": "40"}
