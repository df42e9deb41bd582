"""Brings a ledger's schema to this version's, with Alembic; says no to a schema that this version can't work with.

The table `schema_version` says which migrations have run. `alembic_version` names the oldest code that may work with the ledger: it
moves on only with a migration that older code can't live with, and releases that know of no phases look nowhere else.
"""

from sqlalchemy import Connection, inspect, text

from autodialer.domain.errors import StoreError
from autodialer.store.counting import count_what_is_known, is_counted
from autodialer.store.engine import Database
from autodialer.store.phases import AFTER, BEFORE, FOLDER, Step, needed, newest, steps, steps_between

HEAD = newest()
VERSIONS = "schema_version"
OLDEST = "alembic_version"
_FIRST_WITH_PHASES = "0003"
_COUNTING = "0008"  # from here on the database counts the calls; those of before are counted with the indexes of before
_PG_LOCK = 8_080_808  # one replica migrates, the others wait
_LOCK_PATIENCE = "SET LOCAL lock_timeout = '10s'"  # whoever waits for a table makes all others wait behind it


def migrate(database: Database, *, after: bool = False) -> tuple[str | None, str]:
    """Upgrade as far as may be now; returns (version before, version now). Blocks.

    On PostgreSQL, where older replicas may still be at work, what is to come after a rollout is left out unless `after`, and
    refused while one of them is connected. StoreError for that, and for a newer, foreign or damaged database.
    """
    before, now = _migrate_some(database, after=after)
    count_what_is_known(database)
    if before is not None and before < _COUNTING:
        now = _migrate_some(database, after=after)[1]
    return before, now


def _migrate_some(database: Database, *, after: bool) -> tuple[str | None, str]:
    """As far as can be gone in one transaction."""
    found: list[str | None] = []

    def upgrade(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            # Here waiting is right, however long another replica migrates.
            for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(text(f"SET LOCAL {limit} = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PG_LOCK})
            connection.execute(text(_LOCK_PATIENCE))
        elif not database.closed_cleanly:
            _refuse_damage(connection)
        version = current_version(connection)
        _refuse_strangers(connection, version)
        target = _target(connection, version, everything=after)
        if version is not None and version < _COUNTING:
            target = min(target, _COUNTING)
        found[:] = [version, target]
        if target != version:
            _upgrade(connection, version, target)

    database.run_migrations(upgrade)
    return found[0], str(found[1])


def current_version(connection: Connection) -> str | None:
    """The schema's version, None for an empty database."""
    return _told_by(connection, VERSIONS) or _told_by(connection, OLDEST)


def check_version(connection: Connection) -> None:
    """StoreError unless this version can work with the schema as it is: for those who must not change it."""
    version = current_version(connection)
    _refuse_newer(connection, version)
    if version is None or version < needed():
        raise StoreError(
            f"the ledger's schema is {version or 'empty'}, not {HEAD}: run `autodialer migrate`", permanent=True
        )
    refuse_uncounted(connection)


def refuse_uncounted(connection: Connection) -> None:
    """StoreError while the calls of before migration 0008 are being counted."""
    if not is_counted(connection):
        raise StoreError("the ledger's calls are not all counted yet: run `autodialer migrate`", permanent=True)


def waiting(version: str) -> list[Step]:
    """What this code has left to do on a ledger of that version: `migrate(…, after=True)` does it."""
    return steps_between(version, newest())


def _told_by(connection: Connection, table: str) -> str | None:
    if not inspect(connection).has_table(table):
        return None
    told = connection.execute(text(f"SELECT max(version_num) FROM {table}")).scalar()
    return None if told is None else str(told)


def _refuse_damage(connection: Connection) -> None:
    """A ledger that has lost a part of its history would let people be called again. Reads all of it: 5 s for each gigabyte."""
    found = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    if found != "ok":
        cause = " ".join(str(found).replace("*", "").split())
        raise StoreError(
            f"the ledger's file is damaged ({cause}): put a backup back, see docs/runbook.md", permanent=True
        )


def _refuse_strangers(connection: Connection, version: str | None) -> None:
    _refuse_newer(connection, version)
    if version is None and inspect(connection).get_table_names():
        raise StoreError(
            "the database holds tables of something else: give autodialer a database of its own",
            permanent=True,
        )


def _refuse_newer(connection: Connection, version: str | None) -> None:
    """A newer schema is fine as long as nothing was taken away that this code needs."""
    oldest = _told_by(connection, OLDEST)
    if oldest is not None and oldest > newest():
        raise StoreError(
            f"the ledger's schema is {max(oldest, version or '')}, which this version of autodialer does not know: "
            "install the newer autodialer again",
            permanent=True,
        )


def _target(connection: Connection, version: str | None, *, everything: bool) -> str:
    """How far to go. Nobody else can be at work on an empty database or an SQLite file."""
    pending = steps_between(version, newest())
    if not pending:
        return str(version)
    if version is None or connection.dialect.name != "postgresql":
        return newest()
    target = (
        newest() if everything else max((step.revision for step in pending if step.phase == BEFORE), default=version)
    )
    # What comes before this rollout can't be had without what should have come after an earlier one.
    crossed = [step for step in pending if step.phase == AFTER and step.revision <= target]
    if crossed:
        _refuse_older(connection, crossed[-1])
    return target


def _refuse_older(connection: Connection, step: Step) -> None:
    """Each process tells PostgreSQL its name and schema (engine.py); those of before the phases have no name at all."""
    rows = connection.execute(
        text(
            "SELECT application_name, coalesce(client_addr::text, 'this machine') AS address, backend_start "
            "FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid() "
            "AND (application_name = '' OR (application_name LIKE 'autodialer ____%' AND left(application_name, 15) < :mine)) "
            "ORDER BY backend_start"
        ),
        {"mine": f"autodialer {step.revision}"},
    ).all()
    if rows:
        who = ", ".join(
            f"{row.application_name or 'one without a name'} from {row.address} since {row.backend_start:%Y-%m-%d %H:%M}"
            for row in rows[:3]
        )
        raise StoreError(
            f"migration {step.revision} must wait: older processes are connected to the ledger ({who}). Update or stop them, "
            "then run `autodialer migrate --after`",
            permanent=True,
        )


def _upgrade(connection: Connection, version: str | None, target: str) -> None:
    # Imported here: a start with a current schema must not pay for Alembic.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    if version is not None and not inspect(connection).has_table(VERSIONS):
        command.stamp(config, version)
    command.upgrade(config, target)
    _say_oldest(connection, target)


def _say_oldest(connection: Connection, version: str) -> None:
    """Which code may work with the ledger from now on; never an older one than before."""
    told = _told_by(connection, OLDEST)
    tightened = [step.revision for step in steps() if step.phase == AFTER and step.revision <= version]
    oldest = max([_FIRST_WITH_PHASES, told or "", *tightened])
    if told is None and not inspect(connection).has_table(OLDEST):
        connection.execute(text(f"CREATE TABLE {OLDEST} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    if told != oldest:
        connection.execute(text(f"DELETE FROM {OLDEST}"))
        connection.execute(text(f"INSERT INTO {OLDEST} (version_num) VALUES (:oldest)"), {"oldest": oldest})
