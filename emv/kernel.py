"""The contact kernel: the steps of a transaction in the Books' order, and nothing else.

It is a coroutine over `emv.commands`: whoever drives it answers its requests with `send`. Whatever a card sends,
it ends in an Outcome. A card that left enters as `throw(CardError(..., removed=True))` and comes out again,
because only the driver knows what is then to be done (reverse or not); after the last cryptogram, which decides,
it does not come out.

Spec: EMV 4.4 Book 3 §8, figure 6 (transaction flow), §10 (functions).
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from emv.action import card_action_analysis, terminal_action_analysis
from emv.apdu import StatusError
from emv.commands import CardError, Outcome, Result
from emv.cvm import cardholder_verification
from emv.initiate import initiate_application_processing
from emv.oda import offline_data_authentication
from emv.online import completion, online_processing
from emv.profile import AidEntry, TerminalProfile, TransactionData
from emv.records import read_application_data
from emv.restrictions import processing_restrictions
from emv.risk import terminal_risk_management
from emv.selection import build_candidate_list, final_selection
from emv.session import MissingData, Session, WrongCryptogram
from emv.trace import SessionLimit, watched

__all__ = ["AidEntry", "Session", "TerminalProfile", "TransactionData", "contact_session", "read_card"]


async def contact_session(session: Session) -> Outcome:
    """Run one card through one transaction. Raises CardError only if the card was removed."""
    return await _ended_by(_transaction(session), session)


async def read_card(session: Session) -> Outcome:
    """Read a card up to its records and end there: no cryptogram is asked for. Raises CardError as above.

    What undoes or completes an earlier transaction needs to know whose card this is, and its issuer decides without
    field 55. The Books have no such end: it is UnionPay's simplified processing (简化流程), from memory.
    """
    return await _ended_by(_reading(session), session)


async def _ended_by(steps: Coroutine[Any, Any, Outcome], session: Session) -> Outcome:
    try:
        return await watched(steps, session.trace)
    except CardError as error:
        if error.removed:
            raise
        session.problem = str(error)
        return session.end(Result.TERMINATED, _reason(error))


async def _reading(session: Session) -> Outcome:
    ended = await _application_selection(session)
    if ended is not None:
        return ended
    await read_application_data(session)
    return session.end(Result.READ, "card-read")


async def _transaction(session: Session) -> Outcome:
    ended = await _application_selection(session)
    if ended is not None:
        return ended
    await read_application_data(session)
    await offline_data_authentication(session)
    processing_restrictions(session)
    ended = await cardholder_verification(session)
    if ended is not None:
        return ended
    await terminal_risk_management(session)
    wanted = terminal_action_analysis(session)
    ended = await card_action_analysis(session, wanted)
    if ended is not None:
        return ended
    answer = await online_processing(session)
    return await completion(session, answer)


async def _application_selection(session: Session) -> Outcome | None:
    """Until an application agrees to be used; one that does not (6985) leaves the list."""
    candidates = await build_candidate_list(session)
    if isinstance(candidates, Outcome):
        return candidates
    while True:  # Every round ends or shortens the list, and an empty list ends in final_selection.
        chosen = await final_selection(session, candidates)
        if isinstance(chosen, Outcome):
            return chosen
        if await initiate_application_processing(session):
            return None
        candidates.remove(chosen)


def _reason(error: CardError) -> str:
    match error:
        case SessionLimit():
            return "too-much"
        case StatusError():
            return "card-refused"
        case MissingData():
            return "data-missing"
        case WrongCryptogram():
            return "cryptogram-not-allowed"
        case _:
            return "bad-data"
