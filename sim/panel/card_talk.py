"""What terminal and card say to each other, one exchange a row: decoded, named in both languages, nothing secret in it.

Answers are taken apart as TLV, the data of GENERATE AC and its kin by the lists that the card gave out before (PDOL,
CDOL1, CDOL2, DDOL), fields of flags bit by bit. A PAN shows its first six and last four digits wherever it stands.

Spec: EMV 4.4 Book 3 §6.5 (commands), §5.4 (data object lists).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from emv.apdu import COMMANDS, status_words, sw_hex
from emv.bits import FIELDS
from emv.dol import parse_dol
from emv.masking import TELL_THE_PAN, Masker
from emv.tags import CDOL1_8C, CDOL2_8D, DDOL_9F49, PDOL_9F38, RESPONSE_TEMPLATE_FORMAT_1_80, lookup, shown
from emv.tlv import Tlv, TlvError, parse, tag_bytes
from sim.acquirer.server import wall_ms
from sim.panel.protocol import JSONObject
from sim.panel.words import clock_of
from sim.twins.card_reader import ChipCard

VERIFY, INTERNAL_AUTHENTICATE, SELECT, GET_PROCESSING_OPTIONS, GENERATE_AC = 0x20, 0x88, 0xA4, 0xA8, 0xAE
PIN_CHANGE = 0x24
HEADER_BYTES = 5  # CLA INS P1 P2 Lc
SHOWN_BYTES = 48  # Of one value: a certificate is longer, and nobody reads it.
BITS = MappingProxyType({field.tag: field for field in FIELDS})
REST = 0
FORMAT_1: Mapping[int, tuple[tuple[int, int], ...]] = MappingProxyType(
    {
        GET_PROCESSING_OPTIONS: ((0x82, 2), (0x94, REST)),
        GENERATE_AC: ((0x9F27, 1), (0x9F36, 2), (0x9F26, 8), (0x9F10, REST)),
    }
)
FINE = (0x9000, 0x61)
TEMPLATE_83 = 0x83


class CardTalk:
    """One card's conversation. It remembers the lists that the card gave out, and what must not be shown."""

    def __init__(self) -> None:
        self._masker = Masker(bytes(3))
        self._lists: dict[int, bytes] = {}
        self._cryptograms = 0

    def exchange(self, capdu: bytes, rapdu: bytes, at: str) -> JSONObject:
        """One entry of the conversation; `at` is the time of day. Never raises, whatever a card says."""
        self._masker.learn(rapdu)
        answer = self._masker.response(rapdu)
        ins = capdu[1] if len(capdu) > 1 else 0
        en, zh = COMMANDS.get(ins, (f"command {ins:02X}", f"命令 {ins:02X}"))
        sw = int.from_bytes(answer[-2:], "big")
        if ins == SELECT:
            self._lists.clear()
            self._cryptograms = 0
        command = list(self._command(ins, capdu))
        if ins == GENERATE_AC:
            self._cryptograms += 1
        return {
            "way": "card",
            "time": at,
            "mti": f"{ins:02X}",
            "zh": zh,
            "en": en,
            "badge": sw_hex(sw),
            "tone": "good" if sw == FINE[0] or sw >> 8 == FINE[1] else "bad",
            "bytes": len(capdu) + len(rapdu),
            "fields": [*command, *self._answer(ins, answer)],
        }

    def _command(self, ins: int, capdu: bytes) -> Iterator[JSONObject]:
        yield _row("C-APDU", "命令头", "CLA INS P1 P2", capdu[:4].hex(" ").upper())
        data = capdu[HEADER_BYTES : HEADER_BYTES + capdu[4]] if len(capdu) > HEADER_BYTES else b""
        if not data:
            return
        if ins in (VERIFY, PIN_CHANGE):
            yield _row("data", "数据", "Data", f"<{len(data)} bytes>")
            return
        asked = self._asked(ins, data)
        if asked is None:
            yield _row("data", "数据", "Data", _short(self._masker.anywhere(data)))
            return
        at = 0
        for tag, length in asked:
            yield _element(tag, self._masker.value(tag, data[at : at + length]))
            at += length

    def _asked(self, ins: int, data: bytes) -> list[tuple[int, int]] | None:
        """What the command's data are made of, by the card's own list; None where there is none that fits."""
        if ins == SELECT:
            return None
        wanted = {
            GET_PROCESSING_OPTIONS: PDOL_9F38,
            GENERATE_AC: CDOL2_8D if self._cryptograms else CDOL1_8C,
            INTERNAL_AUTHENTICATE: DDOL_9F49,
        }.get(ins, 0)
        try:
            entries = [(entry.tag, entry.length) for entry in parse_dol(self._lists.get(wanted, b""))]
        except TlvError:
            return None
        if ins == GET_PROCESSING_OPTIONS and data[:1] == bytes((TEMPLATE_83,)):
            entries.insert(0, (0, len(data) - sum(length for _, length in entries)))  # 83 and its length.
        return entries if entries and sum(length for _, length in entries) == len(data) else None

    def _answer(self, ins: int, answer: bytes) -> Iterator[JSONObject]:
        data, sw = answer[:-2], int.from_bytes(answer[-2:], "big")
        try:
            items = parse(data)
        except TlvError as fault:
            items = ()
            yield _row("R-APDU", "不是TLV", "Data that is no TLV", f"<{len(data)} bytes> {fault}")
        yield from self._items(items, 0)
        if len(items) == 1 and items[0].tag == RESPONSE_TEMPLATE_FORMAT_1_80:
            yield from _format_1(ins, items[0].value)
        zh, en = (status_words(sw, language=language).partition(" ")[2] for language in ("zh-CN", "en"))
        yield _row("SW", zh, en, sw_hex(sw))

    def _items(self, items: tuple[Tlv, ...], depth: int) -> Iterator[JSONObject]:
        for item in items:
            if item.constructed:
                yield {**_row(_tag(item.tag), lookup(item.tag).zh, lookup(item.tag).en, ""), "depth": depth}
                yield from self._items(item.children, depth + 1)
            else:
                if item.tag in (PDOL_9F38, CDOL1_8C, CDOL2_8D, DDOL_9F49):
                    self._lists[item.tag] = item.value
                yield {**_element(item.tag, item.value), "depth": depth}


class WatchedCard:
    """A card whose conversation is told, exchange by exchange; a reset begins another one."""

    def __init__(self, card: ChipCard, say: Callable[[JSONObject], None]) -> None:
        self._card = card
        self._say = say
        self._talk = CardTalk()

    def reset(self, *, warm: bool = False) -> bytes:
        self._talk = CardTalk()
        return self._card.reset(warm=warm)

    def transmit(self, capdu: bytes) -> bytes:
        answer = self._card.transmit(capdu)
        self._say(self._talk.exchange(capdu, answer, clock_of(wall_ms())))
        return answer


def _format_1(ins: int, value: bytes) -> Iterator[JSONObject]:
    """What is in a template without tags, by the command that it answers. Spec: Book 3 §6.5.5.4, §6.5.8.4."""
    at = 0
    for tag, length in FORMAT_1.get(ins, ()):
        piece = value[at : at + length] if length else value[at:]
        at += len(piece)
        if piece:
            yield {**_element(tag, piece), "depth": 1}


def _element(tag: int, value: bytes) -> JSONObject:
    if tag == 0:
        return _row("83", "命令模板", "Command template", value.hex().upper())
    row, bits = lookup(tag), BITS.get(tag)
    told = f"<{len(value)} bytes>" if tag in TELL_THE_PAN else _shortened(shown(tag, value))
    more: list[JSONObject] = []
    if bits is not None and len(value) == bits.length:
        lines = zip(bits.lines(value, language="zh-CN"), bits.lines(value), strict=True)
        more = [{"zh": zh, "en": en} for zh, en in lines]
    return {**_row(_tag(tag), row.zh, row.en, told), "more": more}


def _row(n: str, zh: str, en: str, value: str) -> JSONObject:
    return {"n": n, "zh": zh, "en": en, "value": value, "more": []}


def _tag(tag: int) -> str:
    return tag_bytes(tag).hex().upper()


def _short(value: bytes) -> str:
    return _shortened(value.hex().upper())


def _shortened(text: str) -> str:
    """The beginning of what is too long to be read."""
    return text if len(text) <= 2 * SHOWN_BYTES else f"{text[: 2 * SHOWN_BYTES]}… ({len(text) // 2} bytes)"
