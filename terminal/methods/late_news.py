"""What ended while nobody stood there: kept in the commit that ended it, said when the idle screen is next reached.

Source: docs/architecture.md, "A wallet's order".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.ports import Tone
from terminal.dialogue import acknowledge
from terminal.loop import Commit
from terminal.screens import catalogue as screens
from terminal.shop import Shop

if TYPE_CHECKING:
    from terminal.journal import Tx

UNTOLD = "untold_orders"  # Setting: the numbers of the payments.
UNTOLD_LIMIT = 20  # An evening of them; what is older stands on its slip.
LATE = "late"  # Fact of such a payment: a word of the room "order_late".


def tell_later(tx: Tx, payment_id: int) -> None:
    """In the commit that ends it."""
    tx.set(UNTOLD, [*untold(tx), payment_id][-UNTOLD_LIMIT:])


def untold(tx: Tx) -> tuple[int, ...]:
    """The payments that `tell` is to tell of."""
    return tx.get(UNTOLD, ())


async def tell(shop: Shop) -> None:
    """One by one, each until a key. Their slips are kept, and not printed yet."""
    for payment in await Commit(lambda tx: tuple(tx.payment(number) for number in untold(tx))):
        shop.sound(Tone.ATTENTION)
        late = str(payment.facts.get(LATE, "")) or "completed"
        await acknowledge(shop, screens.OrderLate(amount=payment.amount, late=late))
    await Commit(lambda tx: tx.set(UNTOLD, None))
