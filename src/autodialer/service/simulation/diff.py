"""Two policies over the same people and the same chance: who fares otherwise, from which run on, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from autodialer.domain.record import RecordKey
from autodialer.service.simulation.tally import Did, Entry, Fate, Tally

NO_RUN = "no_run"
RUN_SKIPPED = "run_skipped"
TAKEN_OVER = "taken_over"
ALREADY_DEAD = "already_dead"
NOT_SEEN = "not_seen"
_WHY_NOT = {
    NO_RUN: "this policy has no run at that time",
    RUN_SKIPPED: "the run before was still going",
    TAKEN_OVER: "a person had taken over after the answered call",
    ALREADY_DEAD: "was made Dead before",
    NOT_SEEN: "no run had seen the record yet",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A person with whom two policies first deal differently at the run of `slot`: what each did then, and how it ended."""

    key: RecordKey
    slot: datetime
    first: Entry
    second: Entry
    fates: tuple[Fate, Fate]
    calls: tuple[int, int]


def differences(first: Tally, second: Tally) -> Iterator[Difference]:
    """Everybody who is called, or made Dead, at another run; both tallies are of the same people and world."""
    for key in first.people:
        one, other = _acts(first, key), _acts(second, key)
        found = _first_difference(one, other)
        if found is not None:
            slot, place = found
            yield Difference(
                key,
                slot,
                _said(first, key, slot, place),
                _said(second, key, slot, place),
                (first.fate(key), second.fate(key)),
                (_calls(one), _calls(other)),
            )


def _acts(tally: Tally, key: RecordKey) -> list[tuple[datetime, Did]]:
    return [(entry.slot, entry.did) for entry in tally.log.get(key, ()) if entry.did is not Did.SKIP]


def _calls(acts: list[tuple[datetime, Did]]) -> int:
    return sum(did is Did.CALL for _, did in acts)


def _first_difference(
    one: list[tuple[datetime, Did]], other: list[tuple[datetime, Did]]
) -> tuple[datetime, int] | None:
    """The slot, and how many acts of its run both share: some are made Dead right after their call."""
    shared = next((at for at, (mine, theirs) in enumerate(zip(one, other, strict=False)) if mine != theirs), None)
    shared = min(len(one), len(other)) if shared is None else shared
    differing = [acts[shared][0] for acts in (one, other) if len(acts) > shared]
    if not differing:
        return None
    slot = min(differing)
    return slot, sum(act[0] == slot for act in one[:shared])


def _said(tally: Tally, key: RecordKey, slot: datetime, place: int) -> Entry:
    """What the run of this slot said of the person; a skip is in the log only where it is not the one before."""
    if slot not in tally.slots:
        return _not(slot, RUN_SKIPPED if slot in tally.skipped_slots else NO_RUN)
    until = [entry for entry in tally.log.get(key, ()) if entry.slot <= slot]
    at_it = [entry for entry in until if entry.slot == slot]
    if at_it:
        acts = [entry for entry in at_it if entry.did is not Did.SKIP]
        return acts[min(place, len(acts) - 1)] if acts else at_it[-1]
    if not until:
        return _not(slot, NOT_SEEN)
    last = until[-1]
    if last.did is Did.SKIP:
        return last
    return _not(slot, ALREADY_DEAD if last.did is Did.MARK_DEAD else TAKEN_OVER)


def _not(slot: datetime, reason: str) -> Entry:
    return Entry(slot, slot, Did.SKIP, reason, _WHY_NOT[reason])
