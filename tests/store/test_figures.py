"""Figures for charts: calls by day, hour, number of the call and end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from autodialer.domain.disposition import Disposition
from autodialer.domain.result import NOT_RUNG
from autodialer.ports.figures import Figure
from autodialer.store.ledger import SqlLedger, SqlStore
from store.made import (
    NOW,
    TODAY,
    a_result,
    contact,
    elsewhere,
    ended,
    open_runs,
    person,
    placed,
    released,
    submitted,
    work,
)

HOUR = timedelta(hours=1)
YESTERDAY = "2026-01-12"
TOMORROW = "2026-01-14"


def figures(store: SqlStore, first_day: str = TODAY, last_day: str = TODAY) -> list[Figure]:
    return list(work(store, lambda ledger: ledger.stats.figures(first_day, last_day)))


def test_calls_that_are_alike_are_one_figure(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        for number in (1, 2, 3):
            ended(ledger, person(number))
        ended(ledger, person(4), Disposition.BUSY)
        ended(ledger, person(5, attempts_before=2))
        ended(ledger, person(6), at=NOW + HOUR)

    work(store, unit)
    assert figures(store) == [
        Figure(TODAY, 10, 1, "busy", 1),
        Figure(TODAY, 10, 1, "no_answer", 3),
        Figure(TODAY, 10, 3, "no_answer", 1),
        Figure(TODAY, 11, 1, "no_answer", 1),
    ]


def test_every_call_that_was_sent_is_in_one_figure_and_no_other(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        placed(ledger, person(1))
        submitted(ledger, person(2))
        lost = submitted(ledger, person(3))
        ledger.attempts.lose(lost, lost.lose("x", NOW))
        ended(ledger, person(4), Disposition.UNKNOWN)
        ledger.attempts.reserve(person(5))
        released(ledger, person(6))
        taken_back = placed(ledger, person(7))
        ledger.attempts.release(taken_back, taken_back.release(f"{NOT_RUNG}: -2010", NOW))
        ledger.attempts.add_elsewhere(elsewhere(key=contact(1), disposition=Disposition.FAILED))

    work(store, unit)
    assert figures(store) == [
        Figure(TODAY, 9, 3, "failed", 1),
        Figure(TODAY, 10, 1, "no_result_yet", 2),
        Figure(TODAY, 10, 1, "unknown", 2),
    ]


def test_a_result_that_wins_over_another_moves_the_call(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        before = ended(ledger, person(1))
        won = replace(before, disposition=Disposition.ANSWERED, ended_at=NOW + HOUR)
        assert ledger.attempts.overrule(before, won, a_result(Disposition.ANSWERED))

    work(store, unit)
    assert figures(store) == [Figure(TODAY, 10, 1, "answered", 1)], "the hour is the one in which it was sent"


def test_figures_are_those_of_the_days_that_were_asked_for(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        for number, day in enumerate(("2026-01-11", YESTERDAY, TODAY, TOMORROW)):
            ended(ledger, person(number, policy_day=day))

    work(store, unit)
    assert [figure.day for figure in figures(store, YESTERDAY, TODAY)] == [YESTERDAY, TODAY]
    assert figures(store, "2026-02-01", "2026-02-28") == []
    assert figures(store, TODAY, YESTERDAY) == []


def test_the_hour_is_that_of_utc_and_the_day_that_of_the_policy(store: SqlStore) -> None:
    """In Bucharest it is the 14th already."""
    open_runs(store, "run-1")
    late = datetime(2026, 1, 13, 23, 59, 59, 999000, tzinfo=UTC)

    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1, policy_day=TOMORROW), at=late)
        ended(ledger, person(2, policy_day=TOMORROW), at=late + timedelta(milliseconds=1))

    work(store, unit)
    assert figures(store, TOMORROW, TOMORROW) == [
        Figure(TOMORROW, 0, 1, "no_answer", 1),
        Figure(TOMORROW, 23, 1, "no_answer", 1),
    ]


def test_calls_that_ever_ended_are_added_up_by_how_whatever_the_day(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1))
        ended(ledger, person(2), at=NOW + HOUR)
        ended(ledger, person(3), Disposition.UNKNOWN)
        placed(ledger, person(4))
        taken_back = placed(ledger, person(5))
        ledger.attempts.release(taken_back, taken_back.release("not placed", NOW))
        ledger.attempts.add_elsewhere(elsewhere(key=contact(1), disposition=Disposition.FAILED))

    assert work(store, lambda ledger: ledger.stats.ended()) == {}
    work(store, unit)
    assert work(store, lambda ledger: ledger.stats.ended()) == {"no_answer": 2, "unknown": 1, "failed": 1}
