"""One question to the host, and what the host demands with its answer, whoever has asked.

A host may want a new sign-in in two ways: by field 39 (77, 99, A0: it no longer shares our keys or our batch), or by
the header's processing requirement, which may also ask for a download. All of it is heard here, after any exchange of a
signed-in terminal, so that no flow can forget it. The transaction itself goes on: what the answer says of it is judged
by whoever has asked.
Source: docs/host-link.md §1, §8, §11.
"""

from __future__ import annotations

from functools import partial

from terminal.hostlink import messages
from terminal.hostlink.codec import Message
from terminal.hostlink.codes import lookup
from terminal.hostlink.session import Answered, Silence
from terminal.journal import harmless
from terminal.loop import Commit, Offload
from terminal.methods.requirements import note
from terminal.methods.sign_in_due import demand, of_answer
from terminal.screens import catalogue as screens
from terminal.shop import Shop

KEY_DEADLINE_MS = 30_000  # The key store and the journal sync their files; a bad SD card stalls for seconds.


async def ask_authenticated(
    shop: Shop, request: Message, what: str, within_ms: int | None = None
) -> Answered | Silence:
    """As `ask`, with the request's MAC made under the key of this moment."""
    return await ask(shop, await authenticated(shop, request), what, within_ms)


async def authenticated(shop: Shop, request: Message) -> Message:
    """The request with its F64. Raises KeyRefused."""
    make = partial(messages.with_mac, request, shop.keys, shop.profile)
    # A session key is at hand; one of DUKPT is durable twice before it is used, which the keys' thread waits for.
    return await Offload("keys", make, KEY_DEADLINE_MS) if shop.profile.dukpt else make()


async def ask(shop: Shop, request: Message, what: str, within_ms: int | None = None) -> Answered | Silence:
    """One exchange. `what` is a word of the room "waiting" for the countdown; "" shows none.

    `within_ms`: another time-out than the profile's.
    """

    def count_down(seconds_left: int) -> None:
        shop.show(screens.Waiting(what=what, seconds_left=seconds_left))

    answer = await shop.host.exchange(request, count_down if what else None, within_ms=within_ms)
    if isinstance(answer, Answered):
        code = answer.verdict.code
        wants_sign_in = await note(shop, answer.requirement)
        if lookup(code).sign_in or wants_sign_in:
            # Believed without a MAC, too: a host that has lost our keys cannot make one, and a forged one costs a
            # sign-in.
            due = of_answer(answer)
            shop.mode = await Commit(lambda tx: demand(tx, due))
    return answer


def organisation_named(reply: Message) -> dict[str, str]:
    """The card organisation of F63.1 as a fact for the journal; none where the answer names none."""
    named = reply.text(63)[:3].strip()
    return {"organisation": harmless("organisation", named)} if named else {}
