"""The figures are those of the attempts at every commit, whoever wrote them and however many do so at once."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Executable, create_engine, delete, func, insert, select, text, update

from autodialer.domain.attempt import Ended, PlacedCall, Reserved, Submitting, Unknown
from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import StoreError
from autodialer.domain.result import NOT_RUNG, UNCONFIRMED
from autodialer.store import counting
from autodialer.store.counting import count_day, is_counted
from autodialer.store.engine import Database
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.migrate import check_version, migrate
from autodialer.store.tables import attempts
from autodialer.store.tables_figures import figures
from autodialer.store.verify import INVARIANTS
from databases import Postgres, sqlite_url
from store.made import (
    NOW,
    TODAY,
    a_result,
    elsewhere,
    ended,
    lead,
    open_runs,
    person,
    placed,
    released,
    work,
)
from store.test_figures import figures as figures_of
from store.test_migrations import make_old_ledger

HOUR = timedelta(hours=1)
YESTERDAY = "2026-01-12"
RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
_PROOFS = [text(invariant.query) for invariant in INVARIANTS if invariant.number == 10]
_f = figures.c


def differences(connection: Connection) -> list[str]:
    """As `verify` names them."""
    return [str(row[0]) for proof in _PROOFS for row in connection.execute(proof)]


def execute(database: Database, statement: Executable) -> None:
    database.submit(lambda connection: connection.execute(statement).close()).result()


def proved(store: SqlStore) -> list[str]:
    return store.database.submit(differences).result()


# Every way in which an attempt comes to its end ---------------------------------------------------


def test_figures_stay_those_of_the_attempts_whatever_comes_of_a_call(store: SqlStore) -> None:
    """Two hundred transitions by chance, a few in each transaction, over people who are called several times a day."""
    open_runs(store, *(f"run-{number}" for number in range(40)))
    chance = random.Random(20260113)
    for step in range(40):
        work(store, partial(_some, chance, step))
        assert proved(store) == [], step
    today = figures_of(store, TODAY, TODAY)
    assert {"answered", "busy", "unknown", "no_answer"} <= {figure.end for figure in today}
    assert any(figure.attempt_number > 1 for figure in today)


def _some(chance: random.Random, step: int, ledger: SqlLedger) -> None:
    for number in range(5):
        _something(ledger, chance, step, number)


def _something(ledger: SqlLedger, chance: random.Random, step: int, number: int) -> None:
    who = chance.randrange(8)
    found = ledger.attempts.of_record(lead(who))
    open_ = ledger.attempts.find_open(lead(who))
    attempt = open_.as_attempt() if open_ else None
    at = NOW + timedelta(minutes=7 * step)
    if attempt is not None:
        _go_on(ledger, attempt, chance, at)
    elif found and chance.random() < 0.4:
        _change_end(ledger, chance.choice(found).attempt_id, chance, at)
    elif chance.random() < 0.1:
        ledger.attempts.add_elsewhere(elsewhere(f"e-{step}-{number}", key=lead(who), disposition=Disposition.FAILED))
    else:
        day = chance.choice([TODAY, TODAY, YESTERDAY])
        wanted = person(who, f"a-{step}-{number}", run_id=f"run-{step}", policy_day=day, total_quota=99, day_quota=99)
        taken = {row.run_id for row in found if row.state != "released"}
        if wanted.run_id not in taken:
            ledger.attempts.reserve(replace(wanted, attempts_before=min(len(found), 6), reserved_at=at))


def _go_on(ledger: SqlLedger, attempt: Any, chance: random.Random, at: Any) -> None:
    end = chance.choice([Disposition.ANSWERED, Disposition.NO_ANSWER, Disposition.BUSY, Disposition.UNKNOWN])
    result = a_result(end, agent_unreached=chance.random() < 0.3, reason=chance.choice(["", f"{UNCONFIRMED}: x"]))
    if isinstance(attempt, Reserved):
        if chance.random() < 0.2:
            assert ledger.attempts.release(attempt, attempt.release("changed its mind", at))
        else:
            assert ledger.attempts.submit(attempt, attempt.submit(at), at)
    elif isinstance(attempt, Submitting) and chance.random() < 0.6:
        assert ledger.attempts.place(attempt, attempt.place(f"session of {attempt.intent.attempt_id}", at))
    elif isinstance(attempt, (Submitting, PlacedCall)) and chance.random() < 0.2:
        assert ledger.attempts.lose(attempt, attempt.lose("silence", at))
    elif chance.random() < 0.2:
        assert ledger.attempts.release(attempt, attempt.release(f"{NOT_RUNG}: -2010", at))
    else:
        assert isinstance(attempt, (Submitting, PlacedCall, Unknown))
        assert ledger.attempts.end(attempt, attempt.end(end, at), result)


def _change_end(ledger: SqlLedger, attempt_id: str, chance: random.Random, at: Any) -> None:
    attempt = ledger.attempts.load(attempt_id)
    if not isinstance(attempt, Ended):
        return
    if attempt.closed_unknown and chance.random() < 0.5:
        ledger.attempts.release(attempt, attempt.release(f"{NOT_RUNG}: a person said so", at))
        return
    ledger.attempts.overrule(
        attempt, replace(attempt, disposition=Disposition.ANSWERED), a_result(Disposition.ANSWERED)
    )


def test_what_was_rolled_back_was_never_counted(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1))
        raise ValueError("after all not")

    with pytest.raises(ValueError, match="after all not"):
        work(store, unit)
    assert store.database.submit(lambda c: c.execute(select(figures)).all()).result() == []


def test_what_somebody_changes_by_hand_is_counted_too(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        for number in (1, 2):
            ended(ledger, person(number, policy_day=YESTERDAY))
        ledger.attempts.add_elsewhere(elsewhere(key=lead(1), policy_day=YESTERDAY))

    work(store, unit)
    a = attempts.c
    for statement in (
        update(attempts).where(a.attempt_id == "a-2").values(disposition="busy", agent_unreached=1),
        update(attempts).where(a.zoho_id == "1").values(policy_day=TODAY),
        update(attempts).where(a.zoho_id == "1").values(attempts_before=4),
        delete(attempts).where(a.zoho_id == "1"),
    ):
        execute(store.database, statement)
        assert proved(store) == [], str(statement)
    assert work(store, lambda ledger: ledger.stats.today(YESTERDAY))["total_records"] == 1
    assert work(store, lambda ledger: ledger.stats.today(TODAY))["total_records"] == 0


def test_two_calls_of_a_person_that_end_in_one_statement_are_of_one_person(store: SqlStore) -> None:
    open_runs(store, "run-1", "run-2")

    def unit(ledger: SqlLedger) -> None:
        released(ledger, person(1))
        released(ledger, person(1, "b-1", run_id="run-2"))

    work(store, unit)
    end = update(attempts).values(state="ended", disposition="busy", submitted_at=NOW, run_id=None)
    execute(store.database, end)
    today = work(store, lambda ledger: ledger.stats.today(TODAY))
    assert (today["total_attempts"], today["total_records"]) == (2, 1)
    assert proved(store) == []
    execute(store.database, delete(attempts))
    assert proved(store) == []
    assert work(store, lambda ledger: ledger.stats.today(TODAY))["total_records"] == 0


def test_verify_names_each_figure_that_is_not_that_of_the_attempts(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        ended(ledger, person(1))
        ended(ledger, person(2), Disposition.BUSY)
        ended(ledger, person(3, policy_day=YESTERDAY))

    work(store, unit)
    busy = _f.ended_as == "busy"
    wrong = {_f.calls: 4, _f.agent_unreached: 5, _f.unconfirmed: 6, _f.people: 7}
    execute(store.database, update(figures).where(busy).values(wrong))
    execute(store.database, delete(figures).where(_f.policy_day == YESTERDAY))
    same = "0 without an agent instead of 0, 0 unconfirmed instead of 0"
    assert proved(store) == [
        f"{YESTERDAY}, 10 h UTC, call 1, no_answer: 0 calls instead of 1, {same}",
        f"{TODAY}, 10 h UTC, call 1, busy: 4 calls instead of 1, 5 without an agent instead of 0, 6 unconfirmed instead of 0",
        f"{YESTERDAY}: 0 people instead of 1",
        f"{TODAY}: 8 people instead of 2",
    ]


def test_a_person_can_have_all_of_it_counted_anew(store: SqlStore) -> None:
    """As docs/runbook.md says."""
    open_runs(store, "run-1")
    work(store, lambda ledger: ended(ledger, person(1)))
    execute(store.database, update(figures).values(calls=4))
    statement = re.search(r"INSERT INTO switches [^;`]*", RUNBOOK.read_text(encoding="utf-8"))
    assert statement is not None
    execute(store.database, text(statement[0]))
    migrate(store.database)
    assert proved(store) == []
    assert store.database.submit(is_counted).result()


# Replicas on PostgreSQL ---------------------------------------------------------------------------


@pytest.fixture
def server(postgres: Postgres) -> Iterator[Engine]:
    """Many connections to one ledger with a run and four calls that wait for their results."""
    url = postgres.fresh()
    database = Database(url)
    store = SqlStore(database)
    open_runs(store, "run-1")
    work(store, lambda ledger: [placed(ledger, person(n, attempts_before=n % 2)) for n in range(4)])
    database.close()
    engine = create_engine(url, pool_size=5, connect_args={"options": "-c lock_timeout=5000"})
    yield engine
    engine.dispose()


def end_call(connection: Connection, number: int) -> None:
    connection.execute(
        update(attempts).where(attempts.c.attempt_id == f"a-{number}").values(state="ended", disposition="busy")
    )


def test_replicas_that_count_in_the_same_figures_at_once_do_not_wait_for_each_other(server: Engine) -> None:
    """Each in another order: rows that they shared would be a deadlock."""
    with server.connect() as one, server.connect() as two:
        for connection in (one, two):
            connection.exec_driver_sql("SET lock_timeout = 100")
        end_call(one, 0)
        end_call(two, 1)
        end_call(one, 3)
        end_call(two, 2)
        one.commit()
        two.commit()
    with server.connect() as connection:
        assert connection.execute(select(func.max(_f.shard))).scalar() == 1
        assert connection.execute(select(func.sum(_f.calls))).scalar() == 4
        assert differences(connection) == []


def test_shards_are_no_more_than_transactions_at_the_same_time(server: Engine) -> None:
    for number in range(4):
        with server.begin() as connection:
            end_call(connection, number)
    with server.connect() as connection:
        assert connection.execute(select(_f.shard).distinct()).scalars().all() == [0]


def test_who_ends_calls_to_one_person_at_once_counts_one_person(server: Engine) -> None:
    def second(connection: Connection) -> None:
        SqlLedger(connection).attempts.add_elsewhere(elsewhere("e-2", key=lead(9)))

    with server.connect() as one:
        SqlLedger(one).attempts.add_elsewhere(elsewhere("e-1", key=lead(9)))
        assert while_open(server, one, second), "it waits, as it can't know whether the other one counts"
    with server.connect() as connection:
        assert connection.execute(select(func.sum(_f.people))).scalar() == 1
        assert differences(connection) == []


def while_open(server: Engine, one: Connection, work: Callable[[Connection], None]) -> bool:
    """Do `work` beside the transaction of `one`, which is then committed; whether it had to wait for that."""

    def beside() -> None:
        with server.begin() as connection:
            work(connection)

    thread = Thread(target=beside)
    thread.start()
    thread.join(0.3)
    waited = thread.is_alive()
    one.commit()
    thread.join(10)
    assert not thread.is_alive()
    return waited


def test_a_day_is_counted_anew_after_whoever_changes_it_and_no_other_is_disturbed(server: Engine) -> None:
    with server.connect() as one:
        end_call(one, 0)
        assert not while_open(server, one, partial(count_day, day=YESTERDAY))
        end_call(one, 1)
        assert while_open(server, one, partial(count_day, day=TODAY))
    with server.connect() as connection:
        assert connection.execute(select(func.sum(_f.calls))).scalar() == 2
        assert differences(connection) == []


def test_an_older_replica_adds_a_call_that_ended_elsewhere_at_once(server: Engine) -> None:
    call = {
        "attempt_id": "e-1", "record_type": "Lead", "zoho_id": "9", "state": "ended", "disposition": "busy", "is_new": 0,
        "attempts_before": 0, "policy_day": TODAY, "total_quota": 0, "day_quota": 0, "owner": "", "reserved_at": NOW,
        "submitted_at": NOW,
    }  # fmt: skip
    with server.begin() as connection:
        connection.execute(insert(attempts).values(call))
        assert differences(connection) == []
        assert connection.execute(select(func.sum(_f.people))).scalar() == 1


# Ledgers of before ---------------------------------------------------------------------------------


@pytest.fixture
def older(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A ledger of before the figures with ten days of calls."""
    server: Postgres | None = request.getfixturevalue("postgres") if backend == "postgresql" else None
    name = server.create_database() if server else ""
    url = server.url(name) if server else sqlite_url(tmp_path / "older.db")
    make_old_ledger(url, "0007")
    database = Database(url)
    store = SqlStore(database)
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        for number in range(30):
            day = f"2026-01-{4 + number // 3:02}"
            disposition = (Disposition.BUSY, Disposition.ANSWERED)[number % 2]
            ended(ledger, person(number, policy_day=day), disposition, NOW - (30 - number) * HOUR)
        placed(ledger, person(40, policy_day="2026-01-04"))
        released(ledger, person(41))

    work(store, unit)
    database.close()
    yield url
    if server is not None:
        server.drop_database(name)


def test_the_calls_of_before_are_counted_when_a_ledger_is_brought_up(older: str) -> None:
    database = Database(older)
    migrate(database)
    assert database.submit(differences).result() == []
    assert database.submit(is_counted).result()
    assert work(SqlStore(database), lambda ledger: ledger.stats.today("2026-01-05"))["total_attempts"] == 3
    database.close()


def test_counting_goes_on_where_it_was_killed_and_nobody_reads_half_of_it(
    older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Exception):
        pass

    days: list[str] = []

    def counted(connection: Connection, day: str) -> None:
        if len(days) == 3:
            raise Killed
        days.append(day)
        count_day(connection, day)

    database = Database(older)
    monkeypatch.setattr(counting, "count_day", counted)
    with pytest.raises(Killed):
        migrate(database)
    monkeypatch.undo()
    with pytest.raises(StoreError, match="not all counted yet: run `autodialer migrate`"):
        database.submit(check_version).result()
    # An older replica, which knows nothing of it, ends a call of a day that was not counted yet, and changes one of one that was.
    for attempt_id, disposition in (("a-40", "failed"), ("a-28", "answered"), ("a-1", "busy")):
        values = {"state": "ended", "disposition": disposition}
        change = update(attempts).where(attempts.c.attempt_id == attempt_id).values(values)
        execute(database, change)
    migrate(database)
    assert database.submit(differences).result() == []
    database.submit(check_version).result()
    database.close()
