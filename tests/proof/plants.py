"""Bugs to be planted, each one that a hurried change could make: a proof that finds none of them proves nothing."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from autodialer.domain.attempt import Reserved
from autodialer.domain.disposition import Disposition
from autodialer.domain.update import CrmUpdate
from autodialer.ports.rows import AttemptRow, Reservation, Run, Staged
from autodialer.rules import after_call
from autodialer.service import dialing, outcomes, projecting, reconcile, write_back
from autodialer.store.attempts import SqlAttempts
from autodialer.store.inbox import SqlInbox
from autodialer.store.small import SqlDoNotCall
from autodialer.store.transitions import SqlTransitions

Plant = Callable[[pytest.MonkeyPatch], None]


def time_outs_are_sent_again(patch: pytest.MonkeyPatch) -> None:
    def again(self: Any, ledger: Any, run: Run, row: Staged, submitted: Any, reason: str) -> None:
        self._again(ledger, run, row, submitted, reason)

    patch.setattr(outcomes.OutcomeRecorder, "_lost", again)


def a_dead_process_s_calls_are_released(patch: pytest.MonkeyPatch) -> None:
    def lose(self: Any, before: Any, after: Any) -> bool:
        return bool(self.release(before, before.release(after.reason, after.since)))

    original = SqlTransitions.lose
    patch.setattr(
        SqlTransitions, "lose", lambda self, b, a: (lose if "process ended" in a.reason else original)(self, b, a)
    )


def silence_is_taken_as_no_answer(patch: pytest.MonkeyPatch) -> None:
    class Silent:
        UNKNOWN = Disposition.NO_ANSWER

    patch.setattr(reconcile, "Disposition", Silent)


def the_do_not_call_list_is_read_too_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqlDoNotCall, "has", lambda _self, _numbers: frozenset())


def a_pause_lets_calls_through(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dialing, "is_paused", lambda _ledger: False)


def early_results_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SqlInbox, "reopen", lambda _self, _ids: None)


def a_person_s_status_is_overwritten(patch: pytest.MonkeyPatch) -> None:
    original = write_back.update_for

    def update_for(row: Any, record: Any, policy: Any, now: Any) -> Any:
        update, kept = original(row, record, policy, now)
        if kept is None:
            return update, kept
        return CrmUpdate(row.key, row.status, update.call_attempts), None

    patch.setattr(write_back, "update_for", update_for)


def the_count_in_the_crm_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    original = after_call.update_after

    def update_after(key: Any, was: Any, end: Any, before: int, *rest: Any, **more: Any) -> Any:
        return original(key, was, end, max(0, before - 1), *rest, **more)

    patch.setattr(projecting, "update_after", update_after)


def open_calls_are_not_seen(patch: pytest.MonkeyPatch) -> list[str]:
    """The database alone stands against a second call then; the attempts that it refused."""
    refused: list[str] = []
    of_people, reserve = SqlAttempts.of_people, SqlAttempts.reserve

    def without_open_ones(self: SqlAttempts, keys: Any, numbers: Any) -> list[AttemptRow]:
        return [row for row in of_people(self, keys, numbers) if row.disposition is not None]

    def noting_refusals(self: SqlAttempts, reservation: Reservation) -> Reserved:
        try:
            return reserve(self, reservation)
        except IntegrityError:
            refused.append(reservation.attempt_id)
            raise

    patch.setattr(SqlAttempts, "of_people", without_open_ones)
    patch.setattr(SqlAttempts, "reserve", noting_refusals)
    return refused


PLANTS: Mapping[str, Plant] = {
    plant.__name__: plant
    for plant in (
        time_outs_are_sent_again,
        a_dead_process_s_calls_are_released,
        silence_is_taken_as_no_answer,
        the_do_not_call_list_is_read_too_early,
        a_pause_lets_calls_through,
        early_results_are_forgotten,
        a_person_s_status_is_overwritten,
        the_count_in_the_crm_is_not_looked_at,
    )
}
