"""Proves on a ledger, as it stands, that what may never happen did not happen; names each breach.

The numbers are those of the invariants in docs/adr/0002 and docs/security.md. The same SQL runs on SQLite and PostgreSQL. Most of
it is also a constraint: here it is proved again, from the rows, for a ledger whose constraints somebody may have dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from autodialer.store.counting import FROM_ATTEMPTS

_OPEN = "state IN ('reserved', 'submitting', 'placed', 'unknown')"
_CLOCKS_DIFFER = 60_000  # milliseconds by which a clock may be set back while calls go on (service.clock_guard)
_OURS = "run_id IS NOT NULL AND state <> 'released'"
_COUNTED = FROM_ATTEMPTS.format(of="true", person="0")
_ALIKE = "policy_day, hour, attempt_number, ended_as"


@dataclass(frozen=True, slots=True)
class Invariant:
    """`query` gives one row for each breach; its first column names the record, attempt or run concerned."""

    number: int
    sentence: str
    query: str


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that may never happen and did."""

    number: int
    sentence: str
    subject: str


INVARIANTS: Sequence[Invariant] = (
    Invariant(
        1,
        "a number has two open attempts",
        f"SELECT min(attempt_id) FROM attempts WHERE {_OPEN} AND number IS NOT NULL GROUP BY number HAVING count(*) > 1",
    ),
    Invariant(
        1,
        "a record has two open attempts",
        f"SELECT record_type || ' ' || zoho_id FROM attempts WHERE {_OPEN} GROUP BY record_type, zoho_id HAVING count(*) > 1",
    ),
    Invariant(
        2,
        "an attempt has two sessions: it was sent twice",
        "SELECT a.attempt_id FROM attempts a JOIN inbox i ON i.attempt_id = a.attempt_id "
        "WHERE i.source = 'provider' AND i.session_id IS NOT NULL AND a.session_id IS NOT NULL AND i.session_id <> a.session_id",
    ),
    Invariant(
        2,
        "two attempts share a session",
        "SELECT session_id FROM attempts WHERE session_id IS NOT NULL GROUP BY session_id HAVING count(*) > 1",
    ),
    Invariant(
        2,
        "an attempt was placed before its intent was kept",
        "SELECT attempt_id FROM attempts WHERE run_id IS NOT NULL AND state NOT IN ('reserved', 'released') AND "
        f"(submitted_at IS NULL OR submitted_at < reserved_at - {_CLOCKS_DIFFER} OR placed_at < submitted_at - {_CLOCKS_DIFFER})",
    ),
    Invariant(
        2,
        "a record was called twice in one run",
        f"SELECT run_id || ' ' || zoho_id FROM attempts WHERE {_OURS} GROUP BY run_id, record_type, zoho_id HAVING count(*) > 1",
    ),
    *(
        Invariant(
            3,
            f"{who} was called more often than its {what} allows",
            f"SELECT {name} FROM attempts WHERE {_OURS} GROUP BY {group} HAVING count(*) > max({quota})",
        )
        for who, name, key in (
            ("a record", "record_type || ' ' || zoho_id", "record_type, zoho_id"),
            ("a number", "min(attempt_id)", "number"),
        )
        for what, group, quota in (("total", key, "total_quota"), ("day's quota", f"{key}, policy_day", "day_quota"))
    ),
    Invariant(
        3,
        "an attempt has no place in its quotas",
        f"SELECT attempt_id FROM attempts WHERE {_OURS} AND (record_slot IS NULL OR number_slot IS NULL OR record_day_slot IS NULL "
        "OR number_day_slot IS NULL OR record_slot > total_quota OR number_slot > total_quota OR record_day_slot > day_quota "
        "OR number_day_slot > day_quota)",
    ),
    Invariant(
        3,
        "a released attempt still holds a place in a quota",
        "SELECT attempt_id FROM attempts WHERE state = 'released' AND (record_slot IS NOT NULL OR number_slot IS NOT NULL "
        "OR record_day_slot IS NOT NULL OR number_day_slot IS NOT NULL)",
    ),
    Invariant(
        4,
        "an answered call turned into something else",
        "SELECT a.attempt_id FROM attempts a JOIN inbox i ON i.attempt_id = a.attempt_id "
        "WHERE i.state = 'applied' AND i.note LIKE 'answered%' AND coalesce(a.disposition, '') <> 'answered'",
    ),
    Invariant(
        4,
        "Call Attempts went down",
        "SELECT later.record_type || ' ' || later.zoho_id FROM outbox later JOIN outbox earlier "
        "ON earlier.zoho_id = later.zoho_id AND earlier.record_type = later.record_type AND earlier.outbox_id < later.outbox_id "
        "WHERE later.call_attempts < earlier.call_attempts",
    ),
    Invariant(
        5,
        "silence was written to the CRM",
        "SELECT a.attempt_id FROM attempts a JOIN outbox o ON o.attempt_id = a.attempt_id WHERE o.cause = 'result' AND "
        "(a.disposition IS NULL OR a.disposition = 'unknown')",
    ),
    Invariant(
        5,
        "an attempt was sent and is in no state that anybody watches",
        "SELECT attempt_id FROM attempts WHERE submitted_at IS NOT NULL AND "
        "state NOT IN ('submitting', 'placed', 'unknown', 'ended', 'released')",
    ),
    Invariant(
        6,
        "a result never reached the outbox",
        # One pass over each: asking the outbox for each attempt takes hours with years of history.
        "SELECT attempt_id FROM attempts WHERE state = 'ended' AND disposition <> 'unknown' EXCEPT SELECT attempt_id FROM outbox "
        # Of old ones the update may be removed (store.pruning), but only after the CRM took a later one that counts the call.
        "EXCEPT SELECT a.attempt_id FROM attempts a JOIN outbox o ON o.zoho_id = a.zoho_id AND o.record_type = a.record_type "
        "WHERE o.state = 'sent' AND o.call_attempts > a.attempts_before AND a.ended_at < "
        "(SELECT CAST(value AS BIGINT) FROM switches WHERE name = 'pruned_to')",
    ),
    Invariant(
        6,
        "a callback was taken as applied and belongs to no attempt",
        "SELECT CAST(i.inbox_id AS TEXT) FROM inbox i WHERE i.state = 'applied' AND NOT EXISTS "
        "(SELECT 1 FROM attempts a WHERE a.attempt_id = i.attempt_id)",
    ),
    Invariant(
        6,
        "two updates wait for one record",
        "SELECT record_type || ' ' || zoho_id FROM outbox WHERE state IN ('pending', 'parked') "
        "GROUP BY record_type, zoho_id HAVING count(*) > 1",
    ),
    Invariant(
        7,
        "a status was overwritten that a person had set",
        "SELECT record_type || ' ' || zoho_id FROM outbox WHERE state = 'sent' AND status IS NOT NULL AND expected_statuses = '[]' "
        "AND status_kept IS NULL",
    ),
    Invariant(
        8,
        "a number was dialled after it was put on the do-not-call list",
        "SELECT a.attempt_id FROM attempts a JOIN do_not_call d ON d.number = a.number "
        f"WHERE a.run_id IS NOT NULL AND a.state <> 'released' AND a.submitted_at > d.added_at + {_CLOCKS_DIFFER}",
    ),
    Invariant(
        9,
        "two runs are open",
        "SELECT min(run_id) FROM runs WHERE state IN ('staging', 'dialing') GROUP BY singleton HAVING count(*) > 1",
    ),
    Invariant(
        9,
        "two runs took one slot",
        "SELECT CAST(slot AS TEXT) FROM runs WHERE slot IS NOT NULL GROUP BY slot HAVING count(*) > 1",
    ),
    Invariant(
        10,
        "the figures count other calls than the attempts",
        "SELECT policy_day || ', ' || (hour % 24) || ' h UTC, call ' || attempt_number || ', ' || ended_as || ': ' "
        "|| sum(calls) || ' calls instead of ' || -sum(c) || ', ' || sum(agent_unreached) || ' without an agent instead of ' "
        "|| -sum(a) || ', ' || sum(unconfirmed) || ' unconfirmed instead of ' || -sum(u) FROM "
        f"(SELECT {_ALIKE}, calls, agent_unreached, unconfirmed, 0 AS c, 0 AS a, 0 AS u FROM figures "
        f"UNION ALL SELECT {_ALIKE}, 0, 0, 0, -calls, -agent_unreached, -unconfirmed FROM ({_COUNTED}) AS anew) AS both_counts "
        f"GROUP BY {_ALIKE} HAVING sum(calls + c) <> 0 OR sum(agent_unreached + a) <> 0 OR sum(unconfirmed + u) <> 0 "
        f"ORDER BY {_ALIKE}",
    ),
    Invariant(
        10,
        "the figures count other people than the attempts",
        "SELECT policy_day || ': ' || sum(people) || ' people instead of ' || sum(called) FROM "
        "(SELECT policy_day, people, 0 AS called FROM figures UNION ALL SELECT policy_day, 0, 1 FROM "
        "(SELECT DISTINCT policy_day, record_type, zoho_id FROM attempts WHERE disposition IS NOT NULL) AS once) AS both_counts "
        "GROUP BY policy_day HAVING sum(people) <> sum(called) ORDER BY policy_day",
    ),
)


def find_breaches(connection: Connection) -> list[Breach]:
    """Every breach of every invariant; empty when the ledger is sound. On SQLite the file's own integrity comes first."""
    breaches = []
    if connection.dialect.name == "sqlite":
        answers = connection.execute(text("PRAGMA integrity_check")).scalars().all()
        breaches = [Breach(0, "the database file is damaged", str(answer)) for answer in answers if answer != "ok"]
    for invariant in INVARIANTS:
        subjects = connection.execute(text(invariant.query)).scalars().all()
        breaches += [Breach(invariant.number, invariant.sentence, str(subject)) for subject in subjects]
    return breaches
