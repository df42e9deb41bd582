"""Brings a ledger's schema to this version's, with Alembic; says no to a schema from the future."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from autodialer.domain.errors import StoreError
from autodialer.store.engine import Database

HEAD = "0006"
_FOLDER = Path(__file__).with_name("migrations")
_PG_LOCK = 8_080_808  # one replica migrates, the others wait


def migrate(database: Database) -> tuple[str | None, str]:
    """Upgrade to HEAD; returns (version before, version now). Blocks. StoreError for a newer, foreign or damaged database."""
    before: list[str | None] = []

    def upgrade(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PG_LOCK})
        elif not database.closed_cleanly:
            _refuse_damage(connection)
        version = current_version(connection)
        before[:] = [version]
        if version == HEAD:
            return
        _refuse_strangers(connection, version)
        _upgrade(connection)

    database.run_migrations(upgrade)
    return before[0], HEAD


def current_version(connection: Connection) -> str | None:
    """The schema's version, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def check_version(connection: Connection) -> None:
    """StoreError unless the schema is this version's: for those who only read."""
    version = current_version(connection)
    if version != HEAD:
        raise StoreError(
            f"the ledger's schema is {version or 'empty'}, not {HEAD}: run `autodialer migrate`",
            permanent=True,
        )


def _refuse_damage(connection: Connection) -> None:
    """A ledger that has lost a part of its history would let people be called again. Reads all of it: 5 s for each gigabyte."""
    found = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    if found != "ok":
        cause = " ".join(str(found).replace("*", "").split())
        raise StoreError(
            f"the ledger's file is damaged ({cause}): put a backup back, see docs/runbook.md", permanent=True
        )


def _refuse_strangers(connection: Connection, version: str | None) -> None:
    known = {path.name.split("_")[0] for path in (_FOLDER / "versions").glob("[0-9]*.py")}
    if version is not None and version not in known:
        raise StoreError(
            f"the ledger's schema is {version}, which this version of autodialer does not know: install the newer autodialer again",
            permanent=True,
        )
    if version is None and inspect(connection).get_table_names():
        raise StoreError(
            "the database holds tables of something else: give autodialer a database of its own",
            permanent=True,
        )


def _upgrade(connection: Connection) -> None:
    # Imported here: a start with a current schema must not pay for Alembic.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
