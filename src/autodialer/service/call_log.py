"""What 8x8's own log says of calls whose result never came (rules.md row 25). Not found there changes nothing."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from autodialer.domain.attempt import AttemptState
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import LedgerRefusal, StoreError
from autodialer.domain.result import CallResult, LoggedCall
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow
from autodialer.service.dialing import VALID_FOR
from autodialer.service.ending import end_attempt
from autodialer.service.hearing import heard_of
from autodialer.service.means import Means
from autodialer.service.signals import Signal

EVERY = 600.0  # seconds between two exports at least, whether they succeed or not
OLD_ENOUGH = timedelta(minutes=5)  # a call may still be going on, or not be in the log yet
LOOK_BACK = timedelta(days=2)
_SLACK = timedelta(seconds=60)  # between our clock and 8x8's
_MOST = 1000


class CallLog:
    """Looks unknown calls up in the provider's log, all in one export."""

    def __init__(self, means: Means, write_back: Signal) -> None:
        self._m = means
        self._write_back = write_back
        self._not_before = means.clock.monotonic()

    async def reconcile(self) -> int:
        """One export if any unknown call is old enough and the last export is; how many calls were settled. TelephonyError."""
        m = self._m
        if m.clock.monotonic() < self._not_before or m.telephony.missing_settings():
            return 0
        now, wall_now = m.clock.now(), m.wall_clock.now()
        rows = await m.store.read(lambda ledger: ledger.attempts.unheard(now - LOOK_BACK, _MOST))
        latest = now - OLD_ENOUGH
        asked = {row.attempt_id: row.submitted_at for row in rows if row.submitted_at and row.submitted_at <= latest}
        if not asked:
            return 0
        self._not_before = m.clock.monotonic() + EVERY
        ahead = now - wall_now
        calls = await m.telephony.logged_calls(min(asked.values()) - ahead - _SLACK, wall_now)
        settled = 0
        for attempt_id in asked:
            settled += await self._try(attempt_id, partial(self._settle, attempt_id, calls, ahead))
        if settled:
            self._write_back.notify()
        m.log.info("looked up in 8x8's log", unknown=len(asked), settled=settled, logged=len(calls))
        return settled

    async def _try(self, attempt_id: str, settle: Callable[[Ledger], bool]) -> bool:
        """One call that can't be settled must not keep the others from it; the next export may settle it."""
        try:
            return await self._m.store.write(settle)
        except Exception as error:
            if isinstance(error, StoreError) and not (error.permanent or isinstance(error, LedgerRefusal)):
                raise
            self._m.log.error("can't be settled by 8x8's log", attempt_id=attempt_id, error=repr(error))
            return False

    def _settle(self, attempt_id: str, calls: Sequence[LoggedCall], ahead: timedelta, ledger: Ledger) -> bool:
        row = ledger.attempts.row(attempt_id)
        if row is None or (row.state is not AttemptState.UNKNOWN and row.disposition is not Disposition.UNKNOWN):
            return False  # its result came meanwhile, or a person settled it
        call = _by_session(row, calls) if row.session_id is not None else _by_number(ledger, row, calls, ahead)
        if call is None or call.disposition is None:
            return False
        result = CallResult(
            disposition=call.disposition,
            call_status=call.call_status,
            session_id=call.session_id,
            attempt_id=attempt_id,
            happened_at=call.ended_at,
            reason="; ".join(filter(None, ("from 8x8's log", call.reason))),
            duration_seconds=call.duration_seconds,
            agent_unreached=call.agent_unreached,
            do_not_call=call.do_not_call,
            confirmed=call.confirmed,
        )
        heard = heard_of(ledger, self._m, call.session_id)
        now = self._m.clock.now()
        ending = end_attempt(ledger, self._m.policy, row, result, now, heard, self._m.log_calls)
        return ending.state == "applied"


def _by_session(row: AttemptRow, calls: Sequence[LoggedCall]) -> LoggedCall | None:
    """The leg to the person; the session alone says nothing of it."""
    return _only([call for call in calls if call.session_id == row.session_id and call.destination == row.number])


def _by_number(ledger: Ledger, row: AttemptRow, calls: Sequence[LoggedCall], ahead: timedelta) -> LoggedCall | None:
    """The only call to this number while ours was to be placed, unless it is, or may be, another attempt's.

    `ahead`: by how much our clock differs from the world's.
    """
    if row.submitted_at is None or row.number is None:
        return None
    first, last = row.submitted_at - _SLACK, row.submitted_at + VALID_FOR + _SLACK
    fitting = [
        call
        for call in calls
        if call.destination == row.number
        and call.started_at is not None
        and first <= call.started_at + ahead <= last
        and ledger.attempts.find_session(call.session_id) is None
    ]
    return None if _has_rival(ledger, row) else _only(fitting)


def _has_rival(ledger: Ledger, row: AttemptRow) -> bool:
    """Whether another call to this number at about that time has no session either."""
    return any(
        other.attempt_id != row.attempt_id
        and other.session_id is None
        and other.submitted_at is not None
        and row.submitted_at is not None
        and abs(other.submitted_at - row.submitted_at) <= VALID_FOR + 2 * _SLACK
        for other in ledger.attempts.of_people([], [row.number] if row.number else [])
    )


def _only(calls: Sequence[LoggedCall]) -> LoggedCall | None:
    return calls[0] if len(calls) == 1 else None
