"""What the host is told afterwards, to the field: what may be kept, script notices, each part of a batch upload."""

from __future__ import annotations

import pytest

from terminal.hostlink.card_messages import CardFields, Kept, card_request
from terminal.hostlink.codec import Message, decode, encode
from terminal.hostlink.details import BatchDetail, read_batch_details
from terminal.hostlink.messages import Terminal, base, cashier
from terminal.hostlink.notices import (
    advice_upload,
    certificate_upload,
    details_upload,
    keepable,
    refund_upload,
    script_notice,
)
from terminal.hostlink.profile import load_profile
from terminal.model import Kind, Money

PROFILE = load_profile("unionpay")
TERMINAL = Terminal("898440153110001", "10000001", "000007")
ROWS = PROFILE.transactions
ICC = bytes.fromhex("9F260811223344556677889F3602000195050000000000DF3105200000000182027C00")
KEPT = Kept("000042", Money(12850), "051", "220000070005" + "1", pan="6225000000000014", sequence="01", icc=ICC)


def round_trip(message: Message) -> Message:
    assert decode(encode(message, PROFILE), PROFILE) == message
    return message


def test_no_memory_keeps_a_track_or_a_pin() -> None:
    card = CardFields("6225000000000014", "2712", "01", "6225000000000014D27122011", "1" * 30, ICC)
    request = card_request(
        ROWS[Kind.SALE], TERMINAL, PROFILE, stan="000042", card=card, amount=Money(1), pin_block=bytes(8)
    )
    assert {26, 35, 36, 52, 53} <= set(request.fields)
    kept = round_trip(keepable(request.with_fields({64: bytes(8)})))
    assert not {26, 35, 36, 52, 53, 64} & set(kept.fields)
    assert kept.fields == {n: v for n, v in request.fields.items() if n in kept.fields}


def test_a_script_notice_names_its_sale_and_brings_the_results() -> None:
    notice = round_trip(script_notice(ROWS[Kind.SALE], TERMINAL, PROFILE, KEPT, stan="000043", date="1125"))
    assert (notice.mti, notice.text(11), notice.text(3), notice.text(25)) == ("0620", "000043", "000000", "00")
    assert notice.text(60) == "2200000795151"
    assert notice.text(61) == "0000070000421125"
    # In the profile's order, and only what it names.
    assert notice.binary(55).hex().upper() == "950500000000009F260811223344556677889F3602000182027C00DF31052000000001"


@pytest.mark.parametrize("count", [1, 8])
def test_details_are_read_as_they_were_written(count: int) -> None:
    details = [BatchDetail("00", f"{n:06d}", "6225000000000014", n) for n in range(1, count + 1)]
    upload = round_trip(details_upload(TERMINAL, stan="000099", details=details))
    assert (upload.mti, upload.text(60)) == ("0320", "00000007201")
    assert read_batch_details(upload.text(48)) == tuple(details)


@pytest.mark.parametrize(
    ("balanced", "failed", "code"),
    [(True, "", "203"), (False, "", "205"), (True, "06", "204"), (False, "06", "206")],
)
def test_a_chips_record_by_balance_and_end(balanced: bool, failed: str, code: str) -> None:
    record = round_trip(certificate_upload(TERMINAL, KEPT, balanced=balanced, failed=failed))
    assert (record.text(60), record.text(11)) == (f"00000007{code}", KEPT.stan)
    assert (record.text(4), record.text(22), record.text(23)) == ("000000012850", "051", "001")
    assert record.binary(55) == ICC
    assert record.binary(62) == failed.encode()


def test_an_advice_and_a_refund_go_up_under_their_own_stan() -> None:
    card = CardFields("6225000000000014", "2712", icc=ICC)
    advice = card_request(
        ROWS[Kind.OFFLINE_SALE], TERMINAL, PROFILE, stan="000044", card=card, amount=Money(900)
    )
    upload = round_trip(advice_upload(advice))
    assert upload.mti == "0320"
    assert upload.fields == keepable(advice).fields
    kept = Kept("000045", Money(100), "052", "2500000700051", f61="0000000000001124", pan="6225000000000014")
    refund = round_trip(refund_upload(ROWS[Kind.REFUND], TERMINAL, PROFILE, kept, rrn="326112200001"))
    assert (refund.mti, refund.text(3), refund.text(11), refund.text(37)) == (
        "0320", "200000", "000045", "326112200001",
    )  # fmt: skip
    assert refund.text(61) == kept.f61
    assert 14 not in refund.fields


def test_a_cashier_is_named_in_f63() -> None:
    message = round_trip(cashier(TERMINAL, PROFILE, stan="000046", operator="7"))
    assert message.fields == {**base(TERMINAL, "000046", "00000007401"), 63: "007"}
