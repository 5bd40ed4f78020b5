"""预授权, 积分消费, 信用卡还款, 余额查询: a whole EMV transaction that is no sale.

The row of TRANSACTIONS says what each is on the wire.
"""

from __future__ import annotations

from drivers.ports import Tone
from terminal.dialogue import acknowledge, type_amount
from terminal.flows.sale import batch_is_full, why_not_selling
from terminal.flows.signature import take_back_unsigned
from terminal.loop import Commit
from terminal.methods import card
from terminal.methods.card_ending import Deal
from terminal.model import Kind, Money
from terminal.screens import catalogue as screens
from terminal.shop import Shop


async def may_ask(shop: Shop) -> bool:
    """Whether a card transaction may begin now; says why not."""
    refused = why_not_selling(shop) or ("batch_full" if await Commit(batch_is_full) else "")
    if refused:
        shop.sound(Tone.FAILURE)
        await acknowledge(shop, screens.Refused(reason=refused))
    return not refused


async def authorise(shop: Shop) -> None:
    """预授权: the issuer holds an amount, until a completion or a void of it."""
    await _with_amount(shop, Kind.AUTH)


async def points(shop: Shop) -> None:
    """积分消费: paid with the issuer's points; what they are worth is the issuer's to say."""
    await _with_amount(shop, Kind.POINTS)


async def repayment(shop: Shop) -> None:
    """信用卡还款: money onto a credit card, from the card in the slot as the acquirer's contract has it."""
    await _with_amount(shop, Kind.REPAYMENT)


async def _with_amount(shop: Shop, kind: Kind) -> None:
    if not await may_ask(shop):
        return
    amount = await type_amount(shop)
    if amount is not None:
        await take_back_unsigned(shop, await card.transact(shop, Deal(kind, amount)))


async def balance(shop: Shop) -> None:
    """余额查询: for the cardholder's eyes."""
    if await may_ask(shop):
        await card.transact(shop, Deal(Kind.BALANCE, Money(0)))
