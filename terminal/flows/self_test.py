"""The self-test slip: version, checks, numbers, link, key check values and the host's lists on paper."""

from __future__ import annotations

from terminal.flows.downloads import loaded
from terminal.loop import Commit
from terminal.printing import keep, print_kept, slip_head
from terminal.receipts import SelfTestSlip
from terminal.shop import Shop


async def print_self_test(shop: Shop) -> None:
    slip = await self_test_slip(shop)
    slip_id = await Commit(lambda tx: keep(tx, slip))
    await print_kept(shop, slip_id, slip)


async def self_test_slip(shop: Shop) -> SelfTestSlip:
    """The slip as things stand now; not kept yet."""
    head = await slip_head(shop, "")
    kcvs = tuple(
        (ref.usage.name if ref.slot == 0 else f"{ref.usage.name} {ref.slot}", value)
        for ref, value in shop.keys.check_values()
    )
    lists = await loaded(shop)
    return SelfTestSlip(
        head=head,
        version=shop.version,
        checks=shop.self_tests(),
        link=shop.activation.host if shop.activation else "",
        kcvs=kcvs,
        lists=lists if any(since for _, _, since in lists) else (),
    )
