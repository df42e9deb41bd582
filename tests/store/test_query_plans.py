"""The questions that are asked for every call, callback and second are answered from an index, however long the history is."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, event

from autodialer.domain.disposition import Disposition
from autodialer.domain.record import RecordType
from autodialer.ports.access import SignIn
from autodialer.ports.boxes import UsageRow
from autodialer.ports.pruning import Detail
from autodialer.ports.work_lists import Flaw
from autodialer.store.by_session import new_of_sessions
from autodialer.store.engine import Database
from autodialer.store.inbox import _EARLIER as EARLIER
from autodialer.store.ledger import SqlLedger, SqlStore
from autodialer.store.tables import metadata
from autodialer.store.verify import INVARIANTS, find_breaches
from benchmarks.year import make_year
from databases import Postgres, make_ledger
from store.made import (
    MINUTE,
    NOW,
    OWNER,
    TODAY,
    ended,
    lead,
    open_runs,
    person,
    phone,
    projection,
    reservation,
    staged,
    work,
)

Question = Callable[[SqlLedger], Any]


def _prune(detail: Detail, ledger: SqlLedger) -> object:
    return ledger.pruning.step(detail, None, NOW, 5, remove=True)


HOT: dict[str, Question] = {
    "find_session": lambda ledger: ledger.attempts.find_session("s-1"),
    "row": lambda ledger: ledger.attempts.row("a-1"),
    "attempts.rows": lambda ledger: ledger.attempts.rows(["a-1", "a-2"]),
    "load": lambda ledger: ledger.attempts.load("a-1"),
    "awaits_session": lambda ledger: ledger.attempts.awaits_session(),
    "find_open": lambda ledger: ledger.attempts.find_open(lead()),
    "of_record": lambda ledger: ledger.attempts.of_record(lead()),
    "of_people": lambda ledger: ledger.attempts.of_people([lead(1), lead(2)], [phone(1), phone(2)]),
    "reserve": lambda ledger: ledger.attempts.reserve(reservation("new", key=lead(77), number=phone(77))),
    "lines_in_use": lambda ledger: ledger.attempts.lines_in_use(NOW - MINUTE),
    "overdue": lambda ledger: ledger.attempts.overdue(placed_before=NOW, now=NOW, today=TODAY),
    "open_of_owner": lambda ledger: ledger.attempts.open_of_owner(OWNER),
    "unknown": lambda ledger: ledger.attempts.unknown(),
    "unheard": lambda ledger: ledger.attempts.unheard(NOW, 5),
    "latest_submitted": lambda ledger: ledger.attempts.latest_submitted(),
    "sent_since": lambda ledger: ledger.attempts.sent_since(NOW - MINUTE, None, 5),
    "sent_since, the next page": lambda ledger: ledger.attempts.sent_since(NOW - MINUTE, (NOW, "a-1"), 5),
    "lift_holds": lambda ledger: ledger.attempts.lift_holds([lead()], NOW),
    "claim": lambda ledger: ledger.staging.claim("run-1", OWNER, 5),
    "mark": lambda ledger: ledger.staging.mark("run-1", lead(), staged(1).state),
    "counts": lambda ledger: ledger.staging.counts("run-1"),
    "rows": lambda ledger: ledger.staging.rows("run-1", staged(1).state, after="1"),
    "rows of all states": lambda ledger: ledger.staging.rows("run-1", after="1"),
    "limit_dead": lambda ledger: ledger.staging.limit_dead("run-1", 5),
    "settle_duplicates": lambda ledger: ledger.staging.settle_duplicates("run-1"),
    "last_id": lambda ledger: ledger.staging.last_id("run-1", RecordType.LEAD),
    "usage.add": lambda ledger: ledger.usage.add(UsageRow(1, 1), NOW),
    "usage.since": lambda ledger: ledger.usage.since(NOW),
    "latest": lambda ledger: ledger.staging.latest(lead()),
    "latest_of": lambda ledger: ledger.staging.latest_of([lead(1), lead(2)]),
    "sightings": lambda ledger: ledger.staging.sightings(lead()),
    "staging.of_number": lambda ledger: ledger.staging.of_number("run-1", phone(1)),
    "ending_with": lambda ledger: ledger.staging.ending_with("run-1", "0001"),
    "is_kept": lambda ledger: ledger.staging.is_kept("run-1"),
    "attempts.of_number": lambda ledger: ledger.attempts.of_number(phone(1)),
    "inbox.of_calls": lambda ledger: ledger.inbox.of_calls(["a-1"], ["s-1"]),
    "activities.of_attempts": lambda ledger: ledger.activities.of_attempts(["a-1"]),
    "do_not_call.find": lambda ledger: ledger.do_not_call.find(phone()),
    "unseen_holds": lambda ledger: ledger.staging.unseen_holds("run-1", 1000),
    "runs.current": lambda ledger: ledger.runs.current(),
    "runs.has_slot": lambda ledger: ledger.runs.has_slot(NOW),
    "inbox.waiting": lambda ledger: ledger.inbox.waiting(200),
    "inbox.asking": lambda ledger: ledger.inbox.asking(200),
    "inbox.ask": lambda ledger: ledger.inbox.ask(1),
    "orphans_of_open_calls": lambda ledger: ledger.inbox.orphans_of_open_calls(),
    "called_in": lambda ledger: ledger.attempts.called_in("run-1", [phone(1), phone(2)]),
    "inbox.of_open_calls": lambda ledger: ledger.inbox.of_open_calls(25),
    "inbox.of_open_calls, by their sessions": lambda ledger: new_of_sessions(ledger.inbox._db, ["s-1", "s-2"]),
    "inbox.take, the earlier": lambda ledger: EARLIER.rows(ledger.inbox._db, {"session": "s-1", "id": 5}),
    "inbox.orphans_of": lambda ledger: ledger.inbox.orphans_of("s-1"),
    "inbox.of_session": lambda ledger: ledger.inbox.of_session("s-1"),
    "inbox.of_attempts": lambda ledger: ledger.inbox.of_attempts(["a-1"]),
    "outbox.put": lambda ledger: ledger.outbox.put(projection(), NOW),
    "outbox.claim": lambda ledger: ledger.outbox.claim(OWNER, NOW, 200, NOW),
    "outbox.sent": lambda ledger: ledger.outbox.sent(1, OWNER, NOW),
    "outbox.disown": lambda ledger: ledger.outbox.disown(OWNER),
    "outbox.next_due_at": lambda ledger: ledger.outbox.next_due_at(),
    "outbox.newest": lambda ledger: ledger.outbox.newest([lead()], NOW),
    "outbox.written_statuses": lambda ledger: ledger.outbox.written_statuses([lead()]),
    "outbox.of_record": lambda ledger: ledger.outbox.of_record(lead()),
    "outbox.of_records": lambda ledger: ledger.outbox.of_records([lead(1), lead(2)]),
    "outbox.newest_first, the next page": lambda ledger: ledger.outbox.newest_first(5, 5),
    "activities.put": lambda ledger: ledger.activities.put("a-1", NOW),
    "activities.claim": lambda ledger: ledger.activities.claim(OWNER, NOW, NOW + MINUTE, 10),
    "activities.disown": lambda ledger: ledger.activities.disown(OWNER),
    "duties.take": lambda ledger: ledger.duties.take("webhook", OWNER, NOW, MINUTE),
    "do_not_call": lambda ledger: ledger.do_not_call.has([phone()]),
    "outbox.count": lambda ledger: ledger.outbox.count("pending"),
    "outbox.parked": lambda ledger: ledger.outbox.parked(),
    "inbox.find": lambda ledger: ledger.inbox.find("1"),
    "inbox.settle": lambda ledger: ledger.inbox.settle(1, "applied", at=NOW),
    "inbox.reopen": lambda ledger: ledger.inbox.reopen([1]),
    "activities.row": lambda ledger: ledger.activities.row("a-1"),
    "runs.get": lambda ledger: ledger.runs.get("run-1"),
    "runs.recent": lambda ledger: ledger.runs.recent(5),
    "runs.recent, the next page": lambda ledger: ledger.runs.recent(5, (NOW, "run-1")),
    "runs.latest_begun": lambda ledger: ledger.runs.latest_begun(),
    "runs.latest_pulled": lambda ledger: ledger.runs.latest_pulled(),
    "runs.started_since": lambda ledger: ledger.runs.started_since(NOW),
    "states": lambda ledger: ledger.staging.states("run-1"),
    "outbox.oldest_pending": lambda ledger: ledger.outbox.oldest_pending(),
    "outbox.refused_for_long": lambda ledger: ledger.outbox.refused_for_long(NOW),
    "switches.changed_at": lambda ledger: ledger.switches.changed_at("paused"),
    "inbox.count": lambda ledger: ledger.inbox.count("new"),
    "runs.renew": lambda ledger: ledger.runs.renew("run-1", OWNER, NOW),
    "unclaim": lambda ledger: ledger.staging.unclaim("run-1", OWNER),
    "skip_rest": lambda ledger: ledger.staging.skip_rest("run-1", "x", ""),
    "learn_session": lambda ledger: ledger.attempts.learn_session("a-1", "s-9"),
    **{f"pruning, {detail.value}": partial(_prune, detail) for detail in Detail},
    "stats.unreached_of_run": lambda ledger: ledger.stats.unreached_of_run("run-1"),
    "stats.today": lambda ledger: ledger.stats.today(TODAY),
    "stats.of_run": lambda ledger: ledger.stats.of_run("run-1"),
    "stats.calls_since": lambda ledger: ledger.stats.calls_since(NOW),
    "of_number in the staged": lambda ledger: ledger.staging.of_number("run-1", phone()),
    "of_number": lambda ledger: ledger.attempts.of_number(phone()),
    "unplaced": lambda ledger: ledger.attempts.unplaced(),
    "users.get": lambda ledger: ledger.users.get("ana"),
    "sign_ins.get": lambda ledger: ledger.sign_ins.get("0"),
    "sign_ins.add": lambda ledger: ledger.sign_ins.add(SignIn("0", "ana", "0", NOW, NOW)),
    "audit.newest_first": lambda ledger: ledger.audit.newest_first(None, 50),
    "audit.newest_first, the next page": lambda ledger: ledger.audit.newest_first(9, 50),
    "audit.newest_first of somebody": lambda ledger: ledger.audit.newest_first(9, 50, who="ana"),
    "audit.newest_first of an action": lambda ledger: ledger.audit.newest_first(None, 50, action="pause"),
    "audit.of_subjects": lambda ledger: ledger.audit.of_subjects(["lead 1", "9"]),
    "stats.figures": lambda ledger: ledger.stats.figures("2026-01-01", TODAY),
    "stats.work_lists": lambda ledger: ledger.stats.work_lists(),
    "work_lists.unknown": lambda ledger: ledger.work_lists.unknown((NOW, "a-1"), 5),
    "work_lists.orphans": lambda ledger: ledger.work_lists.orphans(9, 5),
    "work_lists.conflicts": lambda ledger: ledger.work_lists.conflicts(9, 5),
    "work_lists.callback": lambda ledger: ledger.work_lists.callback(1),
    "work_lists.dismiss": lambda ledger: ledger.work_lists.dismiss(1, "x", NOW),
    "work_lists.parked": lambda ledger: ledger.work_lists.parked(1, 5),
    "work_lists.retry_parked": lambda ledger: ledger.work_lists.retry_parked(0, 5, NOW),
    "work_lists.give_up": lambda ledger: ledger.work_lists.give_up(1, "x", "x", NOW),
    "work_lists.answered": lambda ledger: ledger.work_lists.answered((NOW, lead()), 5),
    "work_lists.held": lambda ledger: ledger.work_lists.held(lead()),
    "work_lists.lift": lambda ledger: ledger.work_lists.lift(["a-1"], NOW),
    "work_lists.flawed": lambda ledger: ledger.work_lists.flawed("run-1", Flaw.REPAIR, "1", 5),
    "work_lists.flawed_record": lambda ledger: ledger.work_lists.flawed_record("run-1", lead()),
    "work_lists.repaired": lambda ledger: ledger.work_lists.repaired("run-1", lead(), NOW),
    "do_not_call.page": lambda ledger: ledger.do_not_call.page(phone(), 5),
}


@pytest.fixture
def filled(sqlite_store: SqlStore) -> SqlStore:
    fill(sqlite_store)
    return sqlite_store


def fill(store: SqlStore) -> None:
    open_runs(store, "run-1")

    def unit(ledger: SqlLedger) -> None:
        for number in range(1, 6):
            ended(ledger, person(number), Disposition.BUSY, NOW - timedelta(hours=1))
            ledger.outbox.put(projection(lead(number)), NOW)
            ledger.inbox.add(
                dedupe_key=str(number), source="provider", event_type="X", session_id="s-1", body="{}", at=NOW
            )
        shared = [staged(1), staged(2, number=phone(1)), *(staged(number) for number in range(3, 9))]
        ledger.staging.add("run-1", shared)

    work(store, unit)


def explain(store: SqlStore, question: Question) -> list[str]:
    """SQLite's plan of every statement that answers `question`."""
    asked: list[tuple[str, Any]] = []

    def unit(connection: Connection) -> list[str]:
        def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
                asked.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        question(SqlLedger(connection))
        event.remove(connection, "before_cursor_execute", note)
        return [
            str(row[3])
            for statement, parameters in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(parameters))
        ]

    plan = store.database.submit(unit).result()
    assert asked
    return plan


def scans(plan: list[str]) -> list[str]:
    """Steps that go through a whole table; going through a partial index, which holds only what waits, is none."""
    few = {
        str(index.name)
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    through = [step for step in plan if step.startswith("SCAN") and step.split()[1] in metadata.tables]
    return [step for step in through if step.rpartition(" INDEX ")[2].split()[0] not in few]


# Of the runs, of which there are a thousand a year, and of the audit trail: from the end of an index, until enough are found.
FROM_THE_END = {"runs.recent", "runs.latest_begun", "runs.latest_pulled", "pruning, staged", "audit.newest_first"}


@pytest.mark.parametrize("name", HOT)
def test_a_frequent_question_is_answered_from_an_index(filled: SqlStore, name: str) -> None:
    plan = explain(filled, HOT[name])
    assert name in FROM_THE_END or scans(plan) == [], plan


@pytest.mark.parametrize("name", [name for name in HOT if "newest_first" in name or name.startswith("runs.recent")])
def test_a_page_of_the_newest_reads_no_more_than_it_shows(filled: SqlStore, name: str) -> None:
    """In the order of a key or an index, backwards: with a sort, each page would read all that lies before it."""
    plan = explain(filled, HOT[name])
    assert plan
    assert not any("TEMP B-TREE FOR ORDER BY" in step for step in plan), plan


PARTIAL = {
    "lines_in_use": "ix_attempts_open",
    "awaits_session": "ix_attempts_open",
    "overdue": "ix_attempts_open",
    "open_of_owner": "ix_attempts_open",
    "find_open": "uq_attempts_open_record",
    "unknown": "ix_attempts_unsettled",
    "unheard": "ix_attempts_unheard",
    "stats.work_lists": "ix_attempts_unsettled",
    "latest_submitted": "ix_attempts_submitted_at_state",
    "unseen_holds": "ix_attempts_held",
    "runs.current": "uq_runs_open",
    "inbox.waiting": "ix_inbox_waiting",
    "inbox.asking": "ix_inbox_asking",
    "inbox.of_open_calls": "ix_attempts_open",
    "outbox.claim": "ix_outbox_due",
    "outbox.disown": "ix_outbox_claimed",
    "outbox.next_due_at": "ix_outbox_due",
    "outbox.parked": "ix_outbox_parked",
    "stats.today": "ix_attempts_open",
    "stats.figures": "ix_attempts_open",
    "stats.calls_since": "ix_attempts_open",
    "pruning, released": "ix_attempts_released",
    "stats.of_run": "uq_attempts_run_record",
    "outbox.oldest_pending": "ix_outbox_due",
    "outbox.refused_for_long": "ix_outbox_due",
    "inbox.count": "ix_inbox_waiting",
    "work_lists.unknown": "ix_attempts_unsettled",
    "work_lists.orphans": "ix_inbox_waiting",
    "work_lists.parked": "ix_outbox_parked",
    "work_lists.answered": "ix_attempts_held",
}


@pytest.mark.parametrize("name", PARTIAL)
def test_what_waits_is_found_in_an_index_of_what_waits(filled: SqlStore, name: str) -> None:
    plan = explain(filled, HOT[name])
    assert any(PARTIAL[name] in step for step in plan), plan


@pytest.mark.parametrize("name", ["work_lists.answered", "unseen_holds"])
def test_who_answered_and_waits_is_listed_without_a_look_at_their_calls(filled: SqlStore, name: str) -> None:
    """They lie scattered over the whole table."""
    plan = explain(filled, HOT[name])
    assert any("USING COVERING INDEX ix_attempts_held" in step for step in plan), plan


@pytest.mark.parametrize(
    ("sessions", "analyzed"), [(1, False), (2, False), (64, False), (400, False), (1, True), (2, True), (16, True)]
)
def test_a_session_s_callbacks_are_searched_block_by_block_and_among_the_settled(
    filled: SqlStore, sessions: int, analyzed: bool
) -> None:
    """With statistics of a moment at which few were new SQLite would rather read all callbacks, if the statement let it.

    Of hundreds of sessions it still would, while all are few: that takes milliseconds.
    """

    def settled_ones(ledger: SqlLedger) -> None:
        numbers = "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        values = "SELECT i, 'k' || i, 'provider', 's-' || (i / 10), '{}', 1, 'applied' FROM n"
        into = "INSERT INTO inbox (inbox_id, dedupe_key, source, session_id, body, received_at, state) "
        ledger.inbox._db.exec_driver_sql(into + numbers + values).close()
        ledger.inbox._db.exec_driver_sql("ANALYZE").close()

    if analyzed:
        work(filled, settled_ones)
    asked = [f"s-{number}" for number in range(sessions)]
    new = "SEARCH inbox USING INDEX ix_inbox_new_session (<expr>=? AND session_id=?)"
    settled = "SEARCH inbox USING INDEX ix_inbox_session_id (session_id=?)"
    questions: list[tuple[Question, set[str]]] = [
        (lambda ledger: ledger.inbox.of_calls([], asked), {new, settled}),
        (lambda ledger: new_of_sessions(ledger.inbox._db, asked), {new}),
        (HOT["inbox.orphans_of"], {settled}),
    ]
    for question, steps in questions:
        plan = explain(filled, question)
        assert steps <= set(plan), plan
        assert not [step for step in plan if step.startswith("SCAN inbox") or "AUTOMATIC" in step or "BLOOM" in step]


def test_all_calls_that_ever_ended_are_added_up_from_a_few_hundred_rows_a_day(filled: SqlStore) -> None:
    assert explain(filled, lambda ledger: ledger.stats.ended())[0] == "SCAN figures"


def test_a_claim_needs_no_sorting(filled: SqlStore) -> None:
    plan = explain(filled, HOT["claim"])
    assert any("ix_staged_records_order" in step for step in plan)
    assert not any("TEMP B-TREE" in step for step in plan), plan


def test_the_latest_updates_are_read_from_the_end_and_no_further_than_asked(filled: SqlStore) -> None:
    plan = explain(filled, lambda ledger: ledger.outbox.newest_first(None, 5))
    assert plan == ["SCAN outbox"], "by its key, backwards, until the limit; with a sort it would read all"


def test_the_latest_calls_are_read_in_their_order_from_the_index(filled: SqlStore) -> None:
    plan = explain(filled, HOT["sent_since"])
    assert any("ix_attempts_submitted_at" in step for step in plan), plan
    assert not any(step == "USE TEMP B-TREE FOR ORDER BY" for step in plan), plan


def test_the_work_list_comes_in_its_order_from_the_index(filled: SqlStore) -> None:
    plan = explain(filled, HOT["unknown"])
    assert not any("TEMP B-TREE" in step for step in plan), plan


def test_a_question_without_an_index_would_be_found_out(filled: SqlStore) -> None:
    def question(ledger: SqlLedger) -> None:
        ledger.attempts._db.exec_driver_sql("SELECT * FROM attempts WHERE reason = 'x'")

    assert scans(explain(filled, question)) == ["SCAN attempts"]


# PostgreSQL ------------------------------------------------------------------------------------------

# Read to the end of an index on purpose: a few rows, in its order.
IN_ORDER = {*FROM_THE_END, "pruning, callbacks", "pruning, updates"}
READS: dict[str, list[str]] = {
    "work_lists.conflicts": ["pk_inbox"],  # from its end: the greatest number
    "stats.work_lists": ["pk_inbox"],
    "latest_of": ["pk_runs"],  # of which there are a thousand a year
}


@pytest.fixture(scope="module")
def year(postgres: Postgres) -> Iterator[SqlStore]:
    """A small history of a year, with statistics."""
    name = postgres.create_database()
    make_ledger(postgres.url(name))
    make_year(postgres.url(name), 2_000)
    database = Database(postgres.url(name))
    assert database.submit(find_breaches).result() == [], "the benchmarks' history is a sound one"
    fill(SqlStore(database))
    yield SqlStore(database)
    database.close()
    postgres.drop_database(name)


def plans(store: SqlStore, question: Question) -> list[dict[str, Any]]:
    """PostgreSQL's plan of every statement that answers `question`, node by node, if it avoids reading tables whole."""

    def unit(connection: Connection) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
                asked.append((statement, parameters))

        asked: list[tuple[str, Any]] = []
        event.listen(connection, "before_cursor_execute", note)
        with connection.begin_nested() as trial:
            question(SqlLedger(connection))
            trial.rollback()
        event.remove(connection, "before_cursor_execute", note)
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in asked:
            one = parameters[0] if isinstance(parameters, list) else parameters
            plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", one).scalar_one()
            found += _nodes(plan[0]["Plan"])
        return found

    return store.database.submit(unit).result()


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    below = [node for child in plan.get("Plans", ()) for node in _nodes(child)]
    return [plan, *below]


def whole(nodes: list[dict[str, Any]]) -> list[str]:
    """Tables, and indexes that are not partial, that are read from one end to the other."""
    partial_ones = {
        str(index.name)
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["postgresql"]["where"] is not None
    }
    tables = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
    indexes = [node for node in nodes if "Index Name" in node and "Index Cond" not in node]
    return tables + [node["Index Name"] for node in indexes if node["Index Name"] not in partial_ones]


@pytest.mark.parametrize("name", HOT)
def test_postgresql_answers_a_frequent_question_from_an_index_too(year: SqlStore, name: str) -> None:
    nodes = plans(year, HOT[name])
    assert name in IN_ORDER or whole(nodes) == READS.get(name, []), nodes


def test_postgresql_reading_a_table_whole_would_be_found_out(year: SqlStore) -> None:
    def question(ledger: SqlLedger) -> None:
        ledger.attempts._db.exec_driver_sql("SELECT * FROM attempts WHERE reason = 'x'")

    assert whole(plans(year, question)) != []


def test_no_proof_asks_a_whole_table_again_for_each_attempt(filled: SqlStore) -> None:
    """`verify` goes through everything, but in a few passes: on SQLite a scan inside of a scan takes days."""

    def unit(connection: Connection) -> dict[str, list[str]]:
        def plan(query: str) -> list[str]:
            return [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]

        return {invariant.sentence: plan(invariant.query) for invariant in INVARIANTS}

    for sentence, plan in filled.database.submit(unit).result().items():
        inside = plan[next((at for at, step in enumerate(plan) if "CORRELATED" in step), len(plan)) :]
        assert not any(step.startswith("SCAN") for step in inside), (sentence, plan)
