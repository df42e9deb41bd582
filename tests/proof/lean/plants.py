"""Bugs to be planted into the real code, each one that a hurried change could make: those of proof.plants, and more."""

from collections.abc import Mapping
from typing import Any

import pytest

from autodialer.domain.attempt import Submitting
from autodialer.domain.disposition import Disposition
from autodialer.rules import decide as deciding
from autodialer.service import dialing, ending
from autodialer.service.preparing import Ready
from proof import plants
from proof.lean.boxes import MemoryDoNotCall, MemoryInbox
from proof.plants import Plant


def the_do_not_call_list_is_read_too_early(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryDoNotCall, "has", lambda _self, _numbers: frozenset())


def early_results_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryInbox, "reopen", lambda _self, _ids: None)


def the_day_s_quota_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deciding, "day_quota", lambda _policy, _index: 7)


def a_result_is_kept_and_its_update_is_not(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ending, "queue_update", lambda *_, **_more: None)


def a_later_result_always_wins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Disposition, "wins_over", lambda self, earlier: self is not earlier)


def a_call_is_placed_before_its_intent_is_kept(patch: pytest.MonkeyPatch) -> None:
    async def submit(self: Any, _run: object, item: Ready, _stop: object) -> Submitting:
        return item.attempt.submit(self._m.clock.now())

    patch.setattr(dialing.Dialer, "_submit", submit)


def a_call_that_was_not_sent_is_given_back_as_it_is_sent(patch: pytest.MonkeyPatch) -> None:
    """The record is due again while its first call is on its way: only the ledger stands against the second."""
    original = dialing.Dialer._submit

    async def submit(self: Any, run: Any, item: Ready, stop: Any) -> Submitting | None:
        await self._give_back(run, item, "in haste")
        submitted = item.attempt.submit(self._m.clock.now())
        return submitted if await original(self, run, item, stop) is None else None

    patch.setattr(dialing.Dialer, "_submit", submit)


_HERE = (
    the_do_not_call_list_is_read_too_early,
    early_results_are_forgotten,
    the_day_s_quota_is_not_looked_at,
    a_result_is_kept_and_its_update_is_not,
    a_later_result_always_wins,
    a_call_is_placed_before_its_intent_is_kept,
    a_call_that_was_not_sent_is_given_back_as_it_is_sent,
)
PLANTS: Mapping[str, Plant] = {**plants.PLANTS, **{plant.__name__: plant for plant in _HERE}}
