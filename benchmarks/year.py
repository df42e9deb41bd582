"""Twelve months of history, made by the database itself: some ten thousand rows a second, the same on SQLite and PostgreSQL.

Every day a new cohort of people: a third of them Contacts, each called one to seven times on three days, as the rules have it.
With them what comes of calls: callbacks, updates for Zoho, the staged records of the last month's runs. `verify` finds it sound.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Index, create_engine, event, insert, text

from autodialer.domain.record import RecordKey, RecordType
from autodialer.store.counting import count_anew, uncounted
from autodialer.store.tables import metadata, runs
from autodialer.store.types import to_millis

DAYS = 365
_END = datetime(2026, 11, 21, tzinfo=UTC)
NOW = _END - timedelta(hours=4)
TODAY = NOW.date().isoformat()
_START = _END - timedelta(days=DAYS)
_HOURS = (10, 14, 18)
# What a person's n-th call is: (n, days after the first, run of that day, its place among that day's calls).
_STEPS = ((0, 0, 0, 1), (1, 0, 1, 2), (2, 0, 2, 3), (3, 1, 0, 1), (4, 1, 1, 2), (5, 2, 0, 1), (6, 2, 1, 2))
_CALLS_EACH = 4  # on average
_BODY = (
    '{"eventId":"8f7c9a1e-52b1-4c5e-9f0b-3a1d2c4e5f60","namespace":"VOICE","eventType":"CALL_SUMMARY","subAccountId":'
    '"hotel_main","payload":{"callDirection":"OUTBOUND","callType":"PSTN","callStatus":"CALL_CONNECTED","bridge":'
    '"Singapore","initiatedTimestamp":"2026-11-20T10:00:00.000Z","callEvents":[{"step":1,"action":"makeCall","status":'
    '"completed"}],"legs":[{"side":"A","sipCode":200,"duration":31},{"side":"B","sipCode":200,"duration":29}],"sessionId":"'
)
_SCATTERED = "((({n}) * 2654435761) % 4294967296)"
_CALL = f"""
INSERT INTO attempts (attempt_id, run_id, record_type, zoho_id, number, state, disposition, call_status, reason, session_id,
  is_new, record_status, attempts_before, first_no_answer_at, policy_day, day_index, record_slot, number_slot, record_day_slot,
  number_day_slot, total_quota, day_quota, duration_seconds, owner, reserved_at, submitted_at, placed_at, ended_at, hold_lifted_at)
SELECT CAST(1000000000 + {_SCATTERED.format(n="p * 7 + k")} AS TEXT) || '-0000-4000-8000-' || CAST(1000000000 + p * 7 + k AS TEXT),
  CASE run WHEN 0 THEN :run0 WHEN 1 THEN :run1 ELSE :run2 END, CASE p % 3 WHEN 0 THEN 'Contact' ELSE 'Lead' END,
  '415086' || CAST(4000000000000 + p AS TEXT), '+407' || CAST(20000000 + p AS TEXT), 'ended', disposition,
  UPPER(disposition), CASE k % 3 WHEN 0 THEN 'SIP 480' ELSE '' END,
  CAST(1000000000 + {_SCATTERED.format(n="p * 11 + k * 3")} AS TEXT) || '-1111-4000-8000-' || CAST(1000000000 + p * 7 + k AS TEXT),
  CASE k WHEN 0 THEN 1 ELSE 0 END, CASE k WHEN 0 THEN 'New' ELSE 'No Answer' END, k,
  CASE k WHEN 0 THEN NULL ELSE :midnight - ahead * 86400000 + 36000000 + i * 700 END,
  :policy_day, ahead, k + 1, k + 1, place, place, CASE k WHEN 0 THEN 1 ELSE 7 END, CASE k WHEN 0 THEN 1 ELSE 3 END, 25,
  'service-8x8:1:0a1b2c3d', at - 400, at, at + 300, at + 30000,
  CASE WHEN disposition = 'answered' AND p % 50 > 0 THEN at + 7200000 END
FROM (SELECT p, i, k, ahead, run, place, at, CASE WHEN k + 1 = total THEN
    CASE p % 10 WHEN 6 THEN 'unknown' WHEN 7 THEN 'failed' WHEN 8 THEN 'busy' WHEN 9 THEN 'no_answer' ELSE 'answered' END
    ELSE CASE (p + k) % 20 WHEN 15 THEN 'busy' WHEN 16 THEN 'busy' WHEN 17 THEN 'failed' ELSE 'no_answer' END END AS disposition
  FROM (SELECT (:day - ahead) * CAST(:cohort AS BIGINT) + i AS p, i, k, ahead, run, place,
      1 + ((((:day - ahead) * CAST(:cohort AS BIGINT) + i) * 2654435761) % 4294967296 / 1000) % 7 AS total,
      :midnight + (10 + 4 * run) * 3600000 + i * 700 + k AS at
    FROM made_people CROSS JOIN made_steps WHERE ahead <= :day) AS calls
  WHERE k < total ORDER BY run, i, k) AS known
"""
_RELEASED = f"""
INSERT INTO attempts (attempt_id, run_id, record_type, zoho_id, number, state, reason, is_new, record_status, attempts_before,
  policy_day, day_index, total_quota, day_quota, owner, reserved_at, submitted_at, ended_at)
SELECT CAST(1000000000 + {_SCATTERED.format(n="who")} AS TEXT) || '-2222-4000-8000-'
    || CAST(1000000000 + who AS TEXT), :run0, CASE (who) % 3 WHEN 0 THEN 'Contact' ELSE 'Lead' END,
  '415086' || CAST(4000000000000 + who AS TEXT), '+407' || CAST(20000000 + who AS TEXT),
  'released', '8x8 says: too many requests', 1, 'New', 0, :policy_day, 0, 1, 1, 'service-8x8:1:0a1b2c3d',
  CAST(:midnight AS BIGINT) + 36000000, CAST(:midnight AS BIGINT) + 36000100, CAST(:midnight AS BIGINT) + 36000200
FROM (SELECT i, CAST(:day AS BIGINT) * :cohort + i AS who FROM made_people) AS cohort WHERE i % 12 = 0
"""
_OUTBOX = """
INSERT INTO outbox (record_type, zoho_id, attempt_id, cause, expected_statuses, status, call_attempts, first_no_answer_at, state,
  tries, next_try_at, last_error, created_at, settled_at)
SELECT record_type, zoho_id, attempt_id, 'result', '["' || record_status || '"]',
  CASE WHEN is_new = 1 AND disposition <> 'answered' THEN 'No Answer' END, attempts_before + 1,
  CASE WHEN is_new = 1 AND disposition <> 'answered' THEN submitted_at END,
  CASE WHEN number LIKE '%11111' AND is_new = 1 THEN 'parked' ELSE 'sent' END, 0, ended_at, '', ended_at, ended_at + 4000
FROM attempts WHERE state = 'ended' AND disposition <> 'unknown'
"""
_INBOX = """
INSERT INTO inbox (dedupe_key, source, event_type, session_id, body, received_at, state, attempt_id, note, applied_at)
SELECT substr(attempt_id, 1, 10) || substr(session_id, 1, 10) || '0123456789abcdef0123456789abcdef01' || substr(attempt_id, 27, 10),
  'provider', 'CALL_SUMMARY', session_id, :body || session_id || '","clientRequestId":"' || attempt_id || '","destination":"'
    || number || '"}}', ended_at - 200, 'applied', attempt_id, disposition, ended_at
FROM attempts WHERE state = 'ended' AND disposition <> 'unknown'
"""
_STAGED = """
INSERT INTO staged_records (run_id, record_type, zoho_id, sort_key, status, number, contends, rank, state, reason, facts,
  attempt_id)
SELECT run_id, record_type, zoho_id, CAST(reserved_at AS TEXT) || zoho_id, record_status, number, 1,
  CAST(reserved_at AS TEXT) || zoho_id, 'called', 'placed', '{"call_attempts": 1, "status": "New", "modified_time": "2026-11-20"}',
  attempt_id FROM attempts WHERE submitted_at >= :since AND state = 'ended'
"""


@dataclass(frozen=True, slots=True)
class Year:
    """What was made. `person`: one who was called often, today the last time."""

    attempts: int
    seconds: float
    person: RecordKey


def make_year(url: str, attempts: int) -> Year:
    """Fill the migrated, empty ledger at `url` with about so many attempts; nobody else may have it open."""
    engine = _fast_engine(url)
    cohort = max(1, attempts // (DAYS * _CALLS_EACH))
    began = time.perf_counter()
    with engine.begin() as connection, _without_indexes(connection), uncounted(connection):
        _lay_out(connection, cohort)
        for day in range(DAYS):
            values = {**_day(day), "cohort": cohort}
            connection.execute(text(_CALL), values)
            connection.execute(text(_RELEASED), values)
        connection.execute(text(_OUTBOX))
        connection.execute(text(_INBOX), {"body": _BODY})
        connection.execute(text(_STAGED), {"since": to_millis(NOW - timedelta(days=30))})
        count_anew(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # A year old, not just made: PostgreSQL would go on writing it to disk for minutes.
        for settle in ("ANALYZE",) if engine.dialect.name == "sqlite" else ("VACUUM ANALYZE", "CHECKPOINT"):
            connection.exec_driver_sql(settle)
        count = connection.execute(text("SELECT count(*) FROM attempts")).scalar_one()
        found = (
            "SELECT record_type, zoho_id FROM attempts WHERE policy_day = :day AND record_slot > 0 "
            "ORDER BY record_slot DESC LIMIT 1"
        )
        kind, zoho_id = connection.execute(text(found), {"day": TODAY}).one()
    engine.dispose()
    return Year(count, time.perf_counter() - began, RecordKey(RecordType(kind), zoho_id))


def _fast_engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: object) -> None:
            for pragma in ("synchronous = OFF", "foreign_keys = OFF", "cache_size = -1000000", "temp_store = MEMORY"):
                connection.execute(f"PRAGMA {pragma}")

    return engine


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Made anew afterwards: so it takes a third of the time."""
    indexes = [index for table in metadata.sorted_tables for index in sorted(table.indexes, key=_name)]
    for index in indexes:
        index.drop(connection)
    yield
    for index in indexes:
        index.create(connection)


def _name(index: Index) -> str:
    return str(index.name)


def _lay_out(connection: Connection, cohort: int) -> None:
    connection.execute(text("CREATE TEMPORARY TABLE made_people (i BIGINT PRIMARY KEY)"))
    connection.execute(text("INSERT INTO made_people VALUES (:i)"), [{"i": i} for i in range(cohort)])
    columns = ("k", "ahead", "run", "place")
    connection.execute(text("CREATE TEMPORARY TABLE made_steps (k BIGINT, ahead BIGINT, run BIGINT, place BIGINT)"))
    steps = [dict(zip(columns, step, strict=True)) for step in _STEPS]
    connection.execute(text("INSERT INTO made_steps VALUES (:k, :ahead, :run, :place)"), steps)
    connection.execute(insert(runs), [_run(day, number) for day in range(DAYS) for number in range(len(_HOURS))])


def _run(day: int, number: int) -> Mapping[str, object]:
    slot = _START + timedelta(days=day, hours=_HOURS[number])
    return {
        "run_id": _run_id(day, number),
        "kind": "scheduled",
        "slot": slot,
        "state": "finished",
        "policy_hash": "0" * 64,
        "owner": "service-8x8:1:0a1b2c3d",
        "lease_until": slot,
        "started_at": slot,
        "staged_at": slot,
        "ended_at": slot + timedelta(hours=1),
    }


def _run_id(day: int, number: int) -> str:
    return f"{day:08}-0000-4000-8000-{number:012}"


def _day(day: int) -> dict[str, object]:
    midnight = _START + timedelta(days=day)
    ids = {f"run{number}": _run_id(day, number) for number in range(len(_HOURS))}
    return {"day": day, "midnight": to_millis(midnight), "policy_day": midnight.date().isoformat(), **ids}
