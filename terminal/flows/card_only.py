"""预授权, 积分消费, 信用卡还款, 余额查询, 订购: a card and an amount, and nothing that went before.

The row of TRANSACTIONS says what each is on the wire, and how the card takes part.
"""

from __future__ import annotations

from drivers.ports import Tone
from terminal.dialogue import acknowledge, choose, type_amount, type_text
from terminal.flows.sale import batch_is_full, why_not_selling
from terminal.flows.signature import take_back_unsigned
from terminal.hostlink.card_messages import Original
from terminal.hostlink.extra_fields import instalment_field
from terminal.loop import Commit
from terminal.methods import deals
from terminal.methods.card_attempt import Deal
from terminal.model import Kind, Money
from terminal.operators import allowed
from terminal.screens import catalogue as screens
from terminal.shop import Shop

# 61.4. Source: host-link digest §2.
AUTH_MODES = (("menu.by-phone", "01"), ("menu.stand-in", "02"))
AUTH_CODE_DIGITS, INSTITUTION_DIGITS = 6, 11


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


async def instalment(shop: Shop) -> None:
    """分期消费: paid by the issuer at once, and by the cardholder over so many months."""
    if not await may_ask(shop) or not await allowed(shop, Kind.INSTALMENT.value):
        return
    amount = await type_amount(shop)
    if amount is None:
        return
    terms = shop.profile.instalment_terms
    chosen = await choose(shop, len(terms), lambda at: screens.ChooseTerms(amount, terms, selected=at))
    if chosen is None:
        return
    months = terms[chosen]
    extra = instalment_field(months, shop.profile.instalment_product, shop.profile.instalment_fee)
    deal = Deal(Kind.INSTALMENT, amount, extra=extra, facts={"terms": months})
    await take_back_unsigned(shop, await deals.transact(shop, deal))


async def told_by_telephone(shop: Shop) -> None:
    """离线结算: the issuer has authorised it by telephone, or a stand-in has: the card is read, and the host told."""
    if not await may_ask(shop) or not await allowed(shop, Kind.OFFLINE_SETTLEMENT.value):
        return
    amount = await type_amount(shop)
    about = await _type_authoriser(shop) if amount is not None else None
    if amount is None or about is None:
        return
    facts = {"original_no": about.auth_code, "original_by": "auth_code"}
    await deals.transact(shop, Deal(Kind.OFFLINE_SETTLEMENT, amount, about=about, facts=facts))


async def _type_authoriser(shop: Shop) -> Original | None:
    """Who has authorised it by which way, and under what code; None when nobody wants to any more."""
    items = tuple(item for item, _ in AUTH_MODES)
    chosen = await choose(
        shop, len(items), lambda at: screens.Menu(title="menu.auth-mode", items=items, selected=at)
    )
    if chosen is None:
        return None
    code = await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field="auth_code", value=value, hint=problem or "auth_code"),
        limit=AUTH_CODE_DIGITS,
        check=lambda value: "" if len(value) == AUTH_CODE_DIGITS else "auth_code_wrong",
    )
    if code is None:
        return None
    institution = await type_text(
        shop,
        lambda value, problem: screens.EnterNumber(field="institution", value=value, hint=problem or "institution"),
        limit=INSTITUTION_DIGITS,
        check=lambda value: "" if len(value) in (0, INSTITUTION_DIGITS) else "institution_wrong",
    )
    if institution is None:
        return None
    return Original(auth_code=code, auth_mode=AUTH_MODES[chosen][1], auth_institution=institution)


async def order(shop: Shop) -> None:
    """订购消费: the card is read out by telephone, or written in a letter."""
    await _with_amount(shop, Kind.MOTO_SALE)


async def authorise_order(shop: Shop) -> None:
    """订购预授权"""
    await _with_amount(shop, Kind.MOTO_AUTH)


async def _with_amount(shop: Shop, kind: Kind) -> None:
    """A kind's word in the table of rights is its own."""
    if not await may_ask(shop) or not await allowed(shop, kind.value):
        return
    amount = await type_amount(shop)
    if amount is not None:
        await take_back_unsigned(shop, await deals.transact(shop, Deal(kind, amount)))


async def balance(shop: Shop) -> None:
    """余额查询: for the cardholder's eyes."""
    if await may_ask(shop) and await allowed(shop, Kind.BALANCE.value):
        await deals.transact(shop, Deal(Kind.BALANCE, Money(0)))
