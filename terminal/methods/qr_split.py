"""Who pays how much of a wallet's order: the customer, the shop by selling for less, a platform in the first's place.

The order's amount is what was sold, what the host's totals count and what refunds are measured by. A wallet may say
that the customer paid less: what a merchant gives away is a discount and never comes; what a platform gives is money
like any other. The three are the order to the cent, or none of them is believed; the payment stands either way.

A wallet decides by itself who has how much of a partial refund back. Here each has its share of what has not gone back
yet, the customer's rounded down, so that all refunds together give back exactly what each had borne.

Source: retail digest 3.17 and §Data model 3; docs/architecture.md, "A wallet's order".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from terminal.journal import harmless
from terminal.model import Money, Payer, Promotion
from terminal.rail import EXTRAS_LIMIT, PROMOTIONS_LIMIT, OrderNews

CUSTOMER, MERCHANT, PLATFORM = "customer_minor", "discount_minor", "platform_minor"  # Facts, where there is a discount.
DISBELIEVED = "discounts_disbelieved"  # Fact: figures were told, and do not come to the order.
NAME_LIMIT = 32  # Characters: a slip has that many cells.


@dataclass(frozen=True, slots=True)
class Split:
    """What each bore, in minor units. Of a refund: what each has back."""

    customer_minor: int
    merchant_minor: int
    platform_minor: int

    @property
    def total_minor(self) -> int:
        return self.customer_minor + self.merchant_minor + self.platform_minor

    @property
    def facts(self) -> dict[str, int]:
        return {CUSTOMER: self.customer_minor, MERCHANT: self.merchant_minor, PLATFORM: self.platform_minor}

    def __sub__(self, other: Split) -> Split:
        return Split(
            self.customer_minor - other.customer_minor,
            self.merchant_minor - other.merchant_minor,
            self.platform_minor - other.platform_minor,
        )

    def part(self, amount_minor: int) -> Split:
        """So much of it, each bearing its share; at most all of it, and never more of one than there is."""
        if not amount_minor:
            return Split(0, 0, 0)
        customer_minor = amount_minor * self.customer_minor // self.total_minor
        rest_minor, given_minor = amount_minor - customer_minor, self.merchant_minor + self.platform_minor
        merchant_minor = rest_minor * self.merchant_minor // given_minor if rest_minor else 0
        return Split(customer_minor, merchant_minor, rest_minor - merchant_minor)


@dataclass(frozen=True, slots=True)
class CameWith:
    """What came with a payment, fit for journal and paper. `split`: None without a discount that is believed."""

    split: Split | None = None
    promotions: tuple[Promotion, ...] = ()
    extras: tuple[str, ...] = ()
    disbelieved: bool = False

    @property
    def customer(self) -> Money | None:
        return None if self.split is None else Money(self.split.customer_minor)

    @property
    def facts(self) -> dict[str, int]:
        if self.disbelieved:
            return {DISBELIEVED: True}
        return {} if self.split is None else self.split.facts


def came_with(total: Money, news: OrderNews) -> CameWith:
    """What a rail says came with a payment of this amount. Never raises."""
    extras = tuple(_shown("extras", line) for line in news.extras[:EXTRAS_LIMIT])
    promotions = news.promotions
    if promotions == () and news.customer in (None, total):
        return CameWith(extras=extras)
    split = _split(total, promotions, news.customer)
    if split is None or promotions is None:
        return CameWith(extras=extras, disbelieved=True)
    named = tuple(Promotion(_shown("name", each.name), each.amount, each.payer) for each in promotions)
    return CameWith(split, named, extras)


def _split(total: Money, promotions: tuple[Promotion, ...] | None, customer: Money | None) -> Split | None:
    """None for figures that do not come to the order."""
    if promotions is None or len(promotions) > PROMOTIONS_LIMIT:
        return None
    if any(each.amount.amount_minor <= 0 for each in promotions):
        return None
    by = {payer: sum(each.amount.amount_minor for each in promotions if each.payer is payer) for payer in Payer}
    paid_minor = total.amount_minor - sum(by.values())
    if paid_minor < 0 or (customer is not None and customer.amount_minor != paid_minor):
        return None
    return Split(paid_minor, by[Payer.MERCHANT], by[Payer.PLATFORM])


def _shown(key: str, text: str) -> str:
    return harmless(key, text)[:NAME_LIMIT]


def split_in(facts: Mapping[str, str | int | bool]) -> Split | None:
    """The split in the facts of a sale or of a refund; None where it has none."""
    if CUSTOMER not in facts:
        return None
    return Split(int(facts[CUSTOMER]), int(facts[MERCHANT]), int(facts[PLATFORM]))
