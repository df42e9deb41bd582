"""Figures of the calls, counted by the database itself whenever an attempt ends, also for older versions that know nothing of them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
PHASE = "before"

# What counts of an attempt: its end, which only those that ended have; or why it was released, if 8x8 took it and rang nobody.
_COUNTS = "({row}.disposition IS NOT NULL OR {row}.reason LIKE '8x8 could not make the call%')"
# What a call's end changes, and what nothing changes. Not the columns that are set before: each statement with a trigger costs more.
_WATCHED = "disposition, reason, agent_unreached, policy_day, attempts_before, record_type, zoho_id"
_ADD = """
INSERT INTO figures (policy_day, hour, attempt_number, ended_as, shard, calls, people, agent_unreached, unconfirmed)
VALUES ({row}.policy_day, coalesce({row}.submitted_at, {row}.reserved_at) / 3600000, {row}.attempts_before + 1,
  coalesce({row}.disposition, 'not_rung'), {shard}, {one},
  CASE WHEN {row}.disposition IS NOT NULL AND NOT EXISTS (SELECT 1 FROM attempts AS other WHERE other.zoho_id = {row}.zoho_id
    AND other.record_type = {row}.record_type AND other.policy_day = {row}.policy_day AND other.disposition IS NOT NULL
    AND other.attempt_id <> {row}.attempt_id) THEN {one} ELSE 0 END,
  {one} * {row}.agent_unreached,
  CASE WHEN {row}.reason LIKE 'picked up, did not press the key%' THEN {one} ELSE 0 END)
ON CONFLICT (policy_day, hour, attempt_number, ended_as, shard) DO UPDATE SET calls = figures.calls + excluded.calls,
  people = figures.people + excluded.people, agent_unreached = figures.agent_unreached + excluded.agent_unreached,
  unconfirmed = figures.unconfirmed + excluded.unconfirmed;
"""
# Locks of a transaction, none of which is waited for as a rule. 8080811, a day: shared by those who change it, alone for who counts
# it anew. 8080812, a person's day: so that two who end calls to one person see each other. 8080813, a shard: no two at once in one.
_FUNCTION = """
CREATE FUNCTION count_attempt(of_row attempts, one integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE place integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(8080811, hashtext(of_row.policy_day));
  PERFORM pg_advisory_xact_lock(8080812, hashtext(of_row.policy_day || of_row.record_type || of_row.zoho_id));
  WHILE NOT pg_try_advisory_xact_lock(8080813, place) LOOP
    place := place + 1;
  END LOOP;
  {add}
END $$
"""
_TRIGGER_FUNCTION = """
CREATE FUNCTION count_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND {old} THEN
    PERFORM count_attempt(OLD, -1);
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  IF {new} THEN
    PERFORM count_attempt(NEW, 1);
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Whoever writes an attempt waits a moment for the triggers; the calls that are known already are counted in steps afterwards."""
    op.create_table(
        "figures",
        sa.Column("policy_day", sa.String(length=10), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("attempt_number", sa.Integer(), nullable=False),
        sa.Column("ended_as", sa.String(length=10), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("agent_unreached", sa.Integer(), nullable=False),
        sa.Column("unconfirmed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("policy_day", "hour", "attempt_number", "ended_as", "shard", name=op.f("pk_figures")),
        postgresql_with={"fillfactor": 50},
        sqlite_with_rowid=False,
    )
    op.create_index("ix_figures_hour", "figures", ["hour"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgresql_triggers()
    op.execute(
        "INSERT INTO switches (name, value, changed_at) "
        "SELECT 'figures_to_count', '9999-99-99', 0 WHERE EXISTS (SELECT 1 FROM attempts)"
    )


def _sqlite_triggers() -> None:
    """None for INSERT, which would cost each reservation a journal of its own: here no older code is at work that needs it."""
    for name, event, row, one in (
        ("counted_no_more", f"UPDATE OF {_WATCHED}", "OLD", -1),
        ("counted_changed", f"UPDATE OF {_WATCHED}", "NEW", 1),
        ("counted_gone", "DELETE", "OLD", -1),
    ):
        add = _ADD.format(row=row, one=one, shard=0)
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON attempts WHEN {_COUNTS.format(row=row)} BEGIN {add} END")


def _postgresql_triggers() -> None:
    """Before each row, not after the statement: so one that ends several calls of a person sees the earlier ones."""
    op.execute(_FUNCTION.format(add=_ADD.format(row="of_row", one="one", shard="place")))
    op.execute(_TRIGGER_FUNCTION.format(old=_COUNTS.format(row="OLD"), new=_COUNTS.format(row="NEW")))
    for name, event, rows in (
        ("counted_new", "INSERT", ("NEW",)),
        ("counted_changed", f"UPDATE OF {_WATCHED}", ("OLD", "NEW")),
        ("counted_gone", "DELETE", ("OLD",)),
    ):
        when = " OR ".join(_COUNTS.format(row=row) for row in rows)
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON attempts FOR EACH ROW WHEN ({when}) "
            "EXECUTE FUNCTION count_attempts()"
        )
