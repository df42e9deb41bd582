"""The table `figures`: kept by triggers (migration 0008), counted anew here from the attempts.

Each row says how many calls were alike: those of one day of the policy, sent in one hour, with one number, ended in one way.
`people` adds up over a day to the records that were called. `shard`: transactions at the same time write to different ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from autodialer.store.engine import Database

TO_COUNT = "figures_to_count"  # the switch that says: days before this one are not counted yet
_ALL = "all"  # or so: a person wants all to be counted anew (docs/runbook.md)
# What counts, as the triggers have it.
FROM_ATTEMPTS = """
SELECT policy_day, hour, attempt_number, ended_as, count(*) AS calls, sum(person) AS people,
  sum(agent_unreached) AS agent_unreached, sum(unconfirmed) AS unconfirmed
FROM (SELECT policy_day, coalesce(submitted_at, reserved_at) / 3600000 AS hour, attempts_before + 1 AS attempt_number,
    coalesce(disposition, 'not_rung') AS ended_as, agent_unreached,
    CASE WHEN reason LIKE 'picked up, did not press the key%' THEN 1 ELSE 0 END AS unconfirmed,
    {person} AS person
  FROM attempts WHERE {of} AND (disposition IS NOT NULL OR reason LIKE '8x8 could not make the call%')) AS counted
GROUP BY policy_day, hour, attempt_number, ended_as
"""
_PERSON = (
    "CASE WHEN disposition IS NOT NULL AND row_number() OVER "
    "(PARTITION BY policy_day, record_type, zoho_id, disposition IS NULL ORDER BY attempt_id) = 1 THEN 1 ELSE 0 END"
)
_COUNT = (
    "INSERT INTO figures (policy_day, hour, attempt_number, ended_as, shard, calls, people, agent_unreached, unconfirmed) "
    "SELECT policy_day, hour, attempt_number, ended_as, 0, calls, people, agent_unreached, unconfirmed FROM ({}) AS anew"
)
_COUNT_DAY = text(_COUNT.format(FROM_ATTEMPTS.format(of="policy_day = :day", person=_PERSON)))
_COUNT_ALL = text(_COUNT.format(FROM_ATTEMPTS.format(of="true", person=_PERSON)))
_ALONE_WITH_DAY = text("SELECT pg_advisory_xact_lock(8080811, hashtext(:day))")
_DAY_BEFORE = text("SELECT max(policy_day) FROM attempts WHERE policy_day < :day")
_REACHED = "SELECT value FROM switches WHERE name = :name"


def count_what_is_known(database: Database) -> None:
    """Count the calls of before migration 0008, a day in each transaction, whoever else is at work; where it stopped it goes on."""
    more = [True]

    def step(connection: Connection) -> None:
        more[0] = _count_a_day(connection)

    while more[0]:
        database.run_migrations(step)


def is_counted(connection: Connection) -> bool:
    """Whether the figures are whole."""
    return connection.execute(text(_REACHED), {"name": TO_COUNT}).first() is None


def count_anew(connection: Connection) -> None:
    """All of it, while nobody else writes attempts."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE"))
    connection.execute(text("DELETE FROM figures"))
    connection.execute(_COUNT_ALL)
    connection.execute(text("DELETE FROM switches WHERE name = :name"), {"name": TO_COUNT})


@contextmanager
def uncounted(connection: Connection) -> Iterator[None]:
    """For this transaction attempts come in without being counted; `count_anew` must follow. Nobody else may be at work."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE attempts DISABLE TRIGGER USER"))
        yield
        connection.execute(text("ALTER TABLE attempts ENABLE TRIGGER USER"))
        return
    made = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    for trigger in made:
        connection.exec_driver_sql(f"DROP TRIGGER {trigger.name}")
    yield
    for trigger in made:
        connection.exec_driver_sql(trigger.sql)


def _count_a_day(connection: Connection) -> bool:
    """The latest one that is left; False when none is."""
    lock = " FOR UPDATE" if connection.dialect.name == "postgresql" else ""
    reached = connection.execute(text(_REACHED + lock), {"name": TO_COUNT}).scalar()
    if reached is None:
        return False
    if reached == _ALL:
        count_anew(connection)
        return False
    day = connection.execute(_DAY_BEFORE, {"day": reached}).scalar()
    if day is None:
        connection.execute(text("DELETE FROM switches WHERE name = :name"), {"name": TO_COUNT})
        return False
    count_day(connection, day)
    connection.execute(text("UPDATE switches SET value = :day WHERE name = :name"), {"day": day, "name": TO_COUNT})
    return True


def count_day(connection: Connection, day: str) -> None:
    """One day of the policy. Who is about to end one of its calls waits for this, and this for who has just done so."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ALONE_WITH_DAY, {"day": day})
    connection.execute(text("DELETE FROM figures WHERE policy_day = :day"), {"day": day})
    connection.execute(_COUNT_DAY, {"day": day})
