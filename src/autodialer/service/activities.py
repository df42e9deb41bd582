"""Tells Zoho of each call that ended, once, as a note or as a call. Field updates come first: they decide who is called.

Adding is not idempotent at Zoho, so what may have been added is committed before the request leaves, and looked for before it is
sent again: by our attempt id, which stands in its subject.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from autodialer.domain.activity import Activity, ActivityForm, ActivityResult, LogCalls, Logged, Unclear
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import CrmError
from autodialer.domain.update import NotWritten, Refusal
from autodialer.ports.activities import ActivityLog, ActivityRow
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow
from autodialer.service.holding import BACKUP_MADE_AT
from autodialer.service.means import Means

BATCH = 10  # one credit
BLOCKED_FOR = timedelta(days=1)
UNCLEAR_WAIT = timedelta(minutes=3)  # longer than any request lives: what was still on its way has arrived or is lost
_LOOKING_SECONDS = 180.0
_SENDING_SECONDS = 600.0
_LEASE = timedelta(minutes=15)  # longer than looking and sending together: two processes never send the same one
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
_STOPPED_WAIT = timedelta(minutes=15)
_HEARD = {
    Disposition.ANSWERED: "answered",
    Disposition.NO_ANSWER: "no answer",
    Disposition.BUSY: "busy",
    Disposition.FAILED: "failed",
}

_Tell = Callable[[], object]


@dataclass(frozen=True, slots=True)
class _Begun:
    """An activity of which the ledger says that it may be sent now. `row` as it was before.

    `may_be_there`: it was sent perhaps, or this ledger is a backup that was put back and another state of it has sent it since.
    """

    activity: Activity
    row: ActivityRow
    may_be_there: bool


class ActivityService:
    """Does nothing when ZOHO_LOG_CALLS is off; what waits then, waits on."""

    def __init__(self, means: Means) -> None:
        self._m = means

    async def send_some(self) -> bool:
        """Tell of up to ten calls; False when there was none to tell of."""
        log = self._m.activity_log
        if log is None:
            return False
        claimed_at = self._m.clock.monotonic()
        begun = await self._m.store.write(self._begin)
        if not begun:
            return False
        there, unknown = await self._look_for([one for one in begun if one.may_be_there], log)
        if (
            self._m.clock.monotonic() - claimed_at > _LOOKING_SECONDS
        ):  # we were stopped meanwhile: another may send them soon
            unknown = {one.row.attempt_id: "too late to be sent" for one in begun if one.row.attempt_id not in there}
        to_add = [one for one in begun if one.row.attempt_id not in {*there, *unknown}]
        added = await self._add([one.activity for one in to_add], log)
        results: dict[str, ActivityResult] = {attempt_id: Logged(found) for attempt_id, found in there.items()}
        results |= {attempt_id: Unclear(reason) for attempt_id, reason in unknown.items()}
        results |= {one.row.attempt_id: result for one, result in zip(to_add, added, strict=True)}
        for tell in await self._m.store.write(
            partial(self._settle, [(one.row, results[one.row.attempt_id]) for one in begun])
        ):
            tell()
        return True

    def _begin(self, ledger: Ledger) -> list[_Begun]:
        now, owner = self._m.clock.now(), self._m.owner
        is_put_back = bool(ledger.switches.get(BACKUP_MADE_AT))
        begun = []
        for row in ledger.activities.claim(owner, now, now + _LEASE, BATCH):
            attempt = ledger.attempts.row(row.attempt_id)
            if attempt is None or attempt.disposition not in _HEARD:
                ledger.activities.park(row.attempt_id, owner, "the attempt has no end to tell of any more", now)
                continue
            activity = activity_of(attempt, row.form or form_of(attempt, self._m.log_calls))
            ledger.activities.begin(row.attempt_id, owner, activity.form)
            begun.append(_Begun(activity, row, may_be_there=is_put_back or row.form is not None))
        return begun

    async def _look_for(
        self, unclear: Sequence[_Begun], log: ActivityLog
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Zoho's ids of those that stand there, and why nothing is known of the others; by attempt id."""
        if not unclear:
            return {}, {}
        try:
            async with asyncio.timeout(_LOOKING_SECONDS):
                return await self._find(unclear, log)
        except TimeoutError:
            return {}, _unfound(unclear, "Zoho took longer than we wait")

    async def _find(self, unclear: Sequence[_Begun], log: ActivityLog) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The one that the CRM refuses to look for, as of a record that is hidden from us, is found by halves."""
        try:
            return await log.find([one.activity for one in unclear]), {}
        except CrmError as error:
            if not error.permanent or len(unclear) == 1:
                return {}, _unfound(unclear, error.message)
        half = len(unclear) // 2
        first, second = await self._find(unclear[:half], log), await self._find(unclear[half:], log)
        return {**first[0], **second[0]}, {**first[1], **second[1]}

    async def _add(self, activities: Sequence[Activity], log: ActivityLog) -> Sequence[ActivityResult]:
        if not activities:
            return []
        try:
            async with asyncio.timeout(_SENDING_SECONDS):
                return await log.add(activities)
        except TimeoutError:
            return [Unclear("Zoho took longer than we wait")] * len(activities)

    def _settle(self, results: Sequence[tuple[ActivityRow, ActivityResult]], ledger: Ledger) -> list[_Tell]:
        """What the log is to say once this is committed."""
        now, owner, log = self._m.clock.now(), self._m.owner, self._m.log
        tell: list[_Tell] = []
        for row, result in results:
            told = {"attempt_id": row.attempt_id}
            match result:
                case Logged():
                    ledger.activities.sent(row.attempt_id, owner, result.activity_id, now)
                    tell.append(partial(log.info, "call logged in Zoho", **told, activity_id=result.activity_id))
                case Unclear():
                    wait = max(UNCLEAR_WAIT, _wait_after(row.tries))
                    ledger.activities.retry(row.attempt_id, owner, result.reason, now + wait, is_absent=False)
                    tell.append(partial(log.warning, "call may be logged in Zoho", **told, reason=result.reason))
                case NotWritten():
                    tell.append(self._settle_refused(ledger, row, result, now))
        return tell

    def _settle_refused(self, ledger: Ledger, row: ActivityRow, refused: NotWritten, now: datetime) -> _Tell:
        reason = f"{refused.code}: {refused.message}"
        is_final = refused.refusal is Refusal.NEVER
        is_final |= refused.refusal is Refusal.BLOCKED and now - row.created_at >= BLOCKED_FOR
        told = {"attempt_id": row.attempt_id, "code": refused.code, "reason": refused.message}
        if is_final:
            ledger.activities.park(row.attempt_id, self._m.owner, reason, now)
            return partial(self._m.log.error, "call log parked", **told)
        wait = _STOPPED_WAIT if refused.refusal is Refusal.STOP else _wait_after(row.tries)
        ledger.activities.retry(row.attempt_id, self._m.owner, reason, now + wait, is_absent=True)
        return partial(self._m.log.warning, "call log refused for now", **told)


def _unfound(unclear: Sequence[_Begun], problem: str) -> Mapping[str, str]:
    return {one.row.attempt_id: f"can't be looked for: {problem}" for one in unclear}


def form_of(attempt: AttemptRow, log_calls: LogCalls) -> ActivityForm:
    """A Call only where somebody talked: Zoho knows no completed call of zero length, and we invent no second."""
    talked = attempt.disposition is Disposition.ANSWERED and (attempt.duration_seconds or 0) > 0
    return ActivityForm.CALL if log_calls is LogCalls.CALLS and talked else ActivityForm.NOTE


def activity_of(attempt: AttemptRow, form: ActivityForm) -> Activity:
    """What is told of an ended attempt: when, how it ended, and how to find it in the ledger; no number, no name."""
    disposition = attempt.disposition or Disposition.UNKNOWN
    heard = _HEARD.get(disposition, disposition.value)
    started_at = (attempt.submitted_at or attempt.reserved_at).astimezone(UTC)
    seconds = attempt.duration_seconds or 0
    lines = [
        f"Automatic call of {started_at:%Y-%m-%d %H:%M} UTC: {heard}.",
        f"Call {attempt.attempts_before + 1} to this record." + (f" Length: {seconds} s." if seconds else ""),
        f"Attempt {attempt.attempt_id}" + (f", 8x8 session {attempt.session_id}" if attempt.session_id else ""),
    ]
    return Activity(
        attempt_id=attempt.attempt_id,
        key=attempt.key,
        form=form,
        subject=f"Automatic call {attempt.attempts_before + 1}: {heard} [{attempt.attempt_id}]",
        text="\n".join(lines),
        started_at=started_at,
        duration_seconds=seconds,
    )


def _wait_after(tries: int) -> timedelta:
    wait: timedelta = _FIRST_WAIT * (1 << min(tries, 12))
    return min(wait, _LONGEST_WAIT)
