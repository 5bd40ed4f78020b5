"""退货, 预授权撤销, 预授权完成: what is done about a transaction of another day, or of another terminal.

The slip names the original: its reference number or authorisation code, and its date. Where our own journal has it,
more is known than the slip says: whose card it was, what is left of it, whether it has had its end already. Where it
has not, the host decides.
Source: docs/host-link.md §3, §11.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from drivers.ports import Tone
from terminal.dialogue import acknowledge, type_amount, type_text
from terminal.flows.card_only import may_ask
from terminal.flows.signature import take_back_unsigned
from terminal.flows.void import ADJUSTED
from terminal.hostlink.card_messages import Original
from terminal.hostlink.transactions import Silence
from terminal.loop import Commit
from terminal.methods import deals
from terminal.methods.card_attempt import Deal
from terminal.methods.card_ending import TAKEN_BACK
from terminal.methods.original import given_back_minor
from terminal.methods.uploads import send_uploads
from terminal.model import Kind, Method, Money, PaymentState, infer_year
from terminal.operators import allowed
from terminal.screens import catalogue as screens
from terminal.shop import Shop, wall_ms

if TYPE_CHECKING:
    from terminal.journal import PaymentRecord, Tx

# How an original is named on its slip, by the field that carries it: (field of the screen, digits).
NAMED_BY = {37: ("rrn", 12), 38: ("auth_code", 6)}
DONE = (PaymentState.COMPLETED, PaymentState.SETTLED)


@dataclass(frozen=True, slots=True)
class Named:
    """An original as somebody has typed it, and our own record of it, if there is one."""

    number: str
    about: Original
    record: PaymentRecord | None


async def refund(shop: Shop) -> None:
    """退货: never more than was paid, all refunds together. Unanswered it stays UNKNOWN: not repeated, not reversed."""
    await _follow(shop, Kind.REFUND)


async def refund_points(shop: Shop) -> None:
    """积分退货: as a refund, of what was paid with points."""
    await _follow(shop, Kind.POINTS_REFUND)


async def notify_completion(shop: Shop) -> None:
    """预授权完成通知: as a completion, and the host is told afterwards: it has agreed already."""
    await _follow(shop, Kind.COMPLETION_NOTICE)


async def refund_order(shop: Shop) -> None:
    """订购退货"""
    await _follow(shop, Kind.MOTO_REFUND)


async def void_order_authorisation(shop: Shop) -> None:
    """订购预授权撤销"""
    await _follow(shop, Kind.MOTO_AUTH_VOID)


async def complete_order(shop: Shop) -> None:
    """订购预授权完成"""
    await _follow(shop, Kind.MOTO_COMPLETION)


async def void_authorisation(shop: Shop) -> None:
    """预授权撤销: the issuer holds the amount no longer."""
    await _follow(shop, Kind.AUTH_VOID)


async def complete(shop: Shop) -> None:
    """预授权完成请求: what is really owed, at most `transactions.completion_percent` of what was authorised."""
    await _follow(shop, Kind.COMPLETION)


async def _follow(shop: Shop, kind: Kind) -> None:
    if not await may_ask(shop) or not await allowed(shop, kind.value):
        return
    named = await _type_original(shop, kind)
    if named is None:
        return
    amount = await type_amount(shop)
    if amount is None:
        return
    refused = await Commit(partial(_why_not, shop, kind, named.record, amount)) if named.record else ""
    if refused:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason=refused))
        return
    if named.record and named.record.facts.get(ADJUSTED):
        await send_uploads(shop)  # The host has to know of the tip first: no refund is more than it knows of.
    by, _ = NAMED_BY[shop.profile.transactions[kind].sends[0]]
    facts: dict[str, str | int | bool] = {
        "original_no": named.number,
        "original_by": by,
        "original_date": named.about.date,
    }
    if named.record:
        facts["undoes"] = named.record.id
    deal = Deal(kind, amount, about=named.about, facts=facts, undoes=named.record)
    await take_back_unsigned(shop, await deals.transact(shop, deal))


def _why_not(shop: Shop, kind: Kind, original: PaymentRecord, amount: Money, tx: Tx) -> str:
    """"" when our own record of the original allows it, else a word of the room "refused"."""
    if original.state is PaymentState.VOIDED:
        return "already_voided"
    paid = original.amount.amount_minor
    row = shop.profile.transactions[kind]
    if row.silence is Silence.UNKNOWN:
        later = tx.with_fact("undoes", original.id)
        tips = (p.amount.amount_minor for p in later if p.kind is Kind.TIP and p.state in DONE)
        left = paid + sum(tips) - given_back_minor(shop, tx, original)
        return "over_original" if amount.amount_minor > left else ""
    ended = str(original.facts.get("ended", ""))
    if ended:
        by = shop.profile.transactions[Kind(ended)]
        return "already_voided" if by.processing_code.startswith(TAKEN_BACK) else "already_completed"
    if row.processing_code.startswith(TAKEN_BACK):
        return "" if amount == original.amount else "not_whole"
    limit = paid * shop.config.transactions.completion_percent // 100
    return "over_authorised" if amount.amount_minor > limit else ""


async def _type_original(shop: Shop, kind: Kind) -> Named | None:
    """Number and date off the slip; None when nobody wants to any more."""
    row = shop.profile.transactions[kind]
    name, digits = NAMED_BY[row.sends[0]]
    number = await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field=name, value=value, hint=problem or name),
        limit=digits,
        check=lambda value: "" if len(value) == digits else f"{name}_wrong",
    )
    if number is None:
        return None
    today = shop.local_time(await wall_ms()).date()

    def check(value: str) -> str:
        try:
            infer_year(value, today)
        except ValueError:
            return "host_date_wrong"
        return ""

    date = await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field="host_date", value=value, hint=problem or "host_date"),
        initial=f"{today:%m%d}",
        limit=4,
        check=check,
    )
    if date is None:
        return None
    record = await Commit(partial(_ours, name, number, date, row.undoes))
    about = Original(date=date, **{name: number})
    return Named(number, about, record)


def _ours(name: str, number: str, date: str, kind: Kind | None, tx: Tx) -> PaymentRecord | None:
    """The newest payment of ours that the typed words name, whatever became of it but for a failure."""
    for payment in tx.with_fact(name, number):
        same = payment.kind is kind and payment.method is Method.CARD and payment.facts.get("host_date") == date
        if same and payment.state in (*DONE, PaymentState.VOIDED):
            return payment
    return None
