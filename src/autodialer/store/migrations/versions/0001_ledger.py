"""The ledger: runs, attempts, inbox, outbox, do-not-call, tokens, and the two views over attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
PHASE = "before"

_SENT = "state IN ('submitting', 'placed', 'unknown', 'ended')"
_TIME = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', submitted_at / 1000.0, 'unixepoch')",
    "postgresql": "to_char(to_timestamp(submitted_at / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
}


def upgrade() -> None:
    """Make the tables, then the views."""
    _tables()
    op.execute(
        f"CREATE VIEW call_logs AS SELECT zoho_id, record_type, policy_day AS call_date, count(*) AS attempts_today "
        f"FROM attempts WHERE {_SENT} GROUP BY zoho_id, record_type, policy_day"
    )
    op.execute(
        f"CREATE VIEW call_history AS SELECT zoho_id, record_type, "
        f"CASE WHEN disposition <> 'unknown' THEN disposition END AS call_status, session_id AS eightx8_call_id, "
        f"{_TIME[op.get_bind().dialect.name]} AS timestamp FROM attempts WHERE {_SENT}"
    )


def _tables() -> None:
    op.create_table(
        "do_not_call",
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_do_not_call")),
    )
    op.create_table(
        "inbox",
        sa.Column("inbox_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("dedupe_key", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("event_type", sa.String(length=60), server_default="", nullable=False),
        sa.Column("session_id", sa.String(length=120), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("deliveries", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.String(length=10), server_default="new", nullable=False),
        sa.Column("attempt_id", sa.String(length=36), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('new', 'applied', 'orphan', 'ignored', 'conflict')", name=op.f("ck_inbox_state")),
        sa.PrimaryKeyConstraint("inbox_id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_inbox_dedupe_key")),
    )
    op.create_index(op.f("ix_inbox_attempt_id"), "inbox", ["attempt_id"], unique=False)
    op.create_index(op.f("ix_inbox_session_id"), "inbox", ["session_id"], unique=False)
    op.create_index(
        "ix_inbox_waiting",
        "inbox",
        ["state", "inbox_id"],
        unique=False,
        sqlite_where=sa.text("state IN ('new', 'orphan')"),
        postgresql_where=sa.text("state IN ('new', 'orphan')"),
    )
    op.create_table(
        "outbox",
        sa.Column(
            "outbox_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("record_type", sa.String(length=8), nullable=False),
        sa.Column("zoho_id", sa.String(length=20), nullable=False),
        sa.Column("attempt_id", sa.String(length=36), nullable=True),
        sa.Column("cause", sa.String(length=12), nullable=False),
        sa.Column("expected_statuses", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=True),
        sa.Column("call_attempts", sa.Integer(), nullable=True),
        sa.Column("first_no_answer_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=12), server_default="pending", nullable=False),
        sa.Column("status_kept", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'sent', 'superseded', 'parked')", name=op.f("ck_outbox_state")),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["next_try_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_outbox_record", "outbox", ["zoho_id", "record_type", "outbox_id"], unique=False)
    op.create_index(
        "uq_outbox_pending_record",
        "outbox",
        ["zoho_id", "record_type"],
        unique=True,
        sqlite_where=sa.text("state IN ('pending', 'parked')"),
        postgresql_where=sa.text("state IN ('pending', 'parked')"),
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("confirm", sa.Integer(), server_default="0", nullable=False),
        sa.Column("policy_hash", sa.String(length=64), nullable=False),
        sa.Column("singleton", sa.Integer(), server_default="1", nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("staged_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("totals", sa.Text(), server_default="{}", nullable=False),
        sa.CheckConstraint("kind IN ('scheduled', 'manual')", name=op.f("ck_runs_kind")),
        sa.CheckConstraint(
            "state IN ('staging', 'dialing', 'finished', 'stopped', 'skipped')", name=op.f("ck_runs_state")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
        sa.UniqueConstraint("slot", name=op.f("uq_runs_slot")),
    )
    op.create_index(op.f("ix_runs_started_at"), "runs", ["started_at"], unique=False)
    op.create_index(
        "uq_runs_open",
        "runs",
        ["singleton"],
        unique=True,
        sqlite_where=sa.text("state IN ('staging', 'dialing')"),
        postgresql_where=sa.text("state IN ('staging', 'dialing')"),
    )
    op.create_table(
        "staged_records",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("record_type", sa.String(length=8), nullable=False),
        sa.Column("zoho_id", sa.String(length=20), nullable=False),
        sa.Column("sort_key", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("number", sa.String(length=20), nullable=True),
        sa.Column("contends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rank", sa.String(length=80), server_default="", nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=32), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt_id", sa.String(length=36), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "state IN ('skip', 'dead', 'due', 'claimed', 'called', 'error')", name=op.f("ck_staged_records_state")
        ),
        sa.PrimaryKeyConstraint("run_id", "record_type", "zoho_id", name=op.f("pk_staged_records")),
    )
    op.create_index("ix_staged_records_number", "staged_records", ["run_id", "number"], unique=False)
    op.create_index("ix_staged_records_order", "staged_records", ["run_id", "state", "sort_key"], unique=False)
    op.create_index("ix_staged_records_record", "staged_records", ["zoho_id", "record_type"], unique=False)
    op.create_table(
        "switches",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switches")),
    )
    op.create_table(
        "tokens",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=True),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tokens")),
    )
    op.create_table(
        "attempts",
        sa.Column("attempt_id", sa.String(length=36), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("record_type", sa.String(length=8), nullable=False),
        sa.Column("zoho_id", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("disposition", sa.String(length=10), nullable=True),
        sa.Column("call_status", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("session_id", sa.String(length=120), nullable=True),
        sa.Column("is_new", sa.Integer(), nullable=False),
        sa.Column("record_status", sa.Text(), nullable=True),
        sa.Column("attempts_before", sa.Integer(), nullable=False),
        sa.Column("first_no_answer_at", sa.BigInteger(), nullable=True),
        sa.Column("policy_day", sa.String(length=10), nullable=False),
        sa.Column("day_index", sa.Integer(), nullable=True),
        sa.Column("record_slot", sa.Integer(), nullable=True),
        sa.Column("number_slot", sa.Integer(), nullable=True),
        sa.Column("record_day_slot", sa.Integer(), nullable=True),
        sa.Column("number_day_slot", sa.Integer(), nullable=True),
        sa.Column("total_quota", sa.Integer(), nullable=False),
        sa.Column("day_quota", sa.Integer(), nullable=False),
        sa.Column("agent_unreached", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number_refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("duration_seconds", sa.Integer(), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("reserved_at", sa.BigInteger(), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("placed_at", sa.BigInteger(), nullable=True),
        sa.Column("unknown_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("hold_lifted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'ended') = (disposition IS NOT NULL)", name=op.f("ck_attempts_end_has_disposition")
        ),
        sa.CheckConstraint(
            "disposition IS NULL OR disposition IN ('answered', 'no_answer', 'busy', 'failed', 'unknown')",
            name=op.f("ck_attempts_disposition"),
        ),
        sa.CheckConstraint("record_type IN ('Lead', 'Contact')", name=op.f("ck_attempts_record_type")),
        sa.CheckConstraint(
            "run_id IS NULL OR state = 'released' OR (record_slot IS NOT NULL AND number_slot IS NOT NULL AND record_day_slot IS NOT NULL AND number_day_slot IS NOT NULL)",
            name=op.f("ck_attempts_ours_takes_slots"),
        ),
        sa.CheckConstraint("state <> 'placed' OR session_id IS NOT NULL", name=op.f("ck_attempts_placed_has_session")),
        sa.CheckConstraint(
            "state IN ('reserved', 'released') OR submitted_at IS NOT NULL", name=op.f("ck_attempts_sent_has_intent")
        ),
        sa.CheckConstraint(
            "state IN ('reserved', 'submitting', 'placed', 'ended', 'unknown', 'released')",
            name=op.f("ck_attempts_state"),
        ),
        sa.CheckConstraint(
            "number_day_slot IS NULL OR number_day_slot BETWEEN 1 AND day_quota",
            name=op.f("ck_attempts_day_quota_of_number"),
        ),
        sa.CheckConstraint(
            "number_slot IS NULL OR number_slot BETWEEN 1 AND total_quota",
            name=op.f("ck_attempts_total_quota_of_number"),
        ),
        sa.CheckConstraint(
            "record_day_slot IS NULL OR record_day_slot BETWEEN 1 AND day_quota",
            name=op.f("ck_attempts_day_quota_of_record"),
        ),
        sa.CheckConstraint(
            "record_slot IS NULL OR record_slot BETWEEN 1 AND total_quota",
            name=op.f("ck_attempts_total_quota_of_record"),
        ),
        sa.CheckConstraint("run_id IS NULL OR number IS NOT NULL", name=op.f("ck_attempts_ours_has_number")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_attempts_run_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("session_id", name=op.f("uq_attempts_session_id")),
    )
    op.create_index(
        "ix_attempts_held",
        "attempts",
        ["zoho_id", "record_type"],
        unique=False,
        sqlite_where=sa.text("disposition = 'answered' AND hold_lifted_at IS NULL"),
        postgresql_where=sa.text("disposition = 'answered' AND hold_lifted_at IS NULL"),
    )
    op.create_index(
        "ix_attempts_open",
        "attempts",
        ["state"],
        unique=False,
        sqlite_where=sa.text("state IN ('reserved', 'submitting', 'placed', 'unknown')"),
        postgresql_where=sa.text("state IN ('reserved', 'submitting', 'placed', 'unknown')"),
    )
    op.create_index(
        "ix_attempts_ours_submitted_at",
        "attempts",
        ["submitted_at"],
        unique=False,
        sqlite_where=sa.text("run_id IS NOT NULL"),
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
    op.create_index("ix_attempts_policy_day", "attempts", ["policy_day"], unique=False)
    op.create_index("ix_attempts_submitted_at", "attempts", ["submitted_at"], unique=False)
    op.create_index(
        "ix_attempts_unsettled",
        "attempts",
        ["submitted_at"],
        unique=False,
        sqlite_where=sa.text("(state = 'unknown' OR (disposition = 'unknown' AND is_new = 1))"),
        postgresql_where=sa.text("(state = 'unknown' OR (disposition = 'unknown' AND is_new = 1))"),
    )
    op.create_index("uq_attempts_number_day_slot", "attempts", ["number", "policy_day", "number_day_slot"], unique=True)
    op.create_index("uq_attempts_number_slot", "attempts", ["number", "number_slot"], unique=True)
    op.create_index(
        "uq_attempts_open_number",
        "attempts",
        ["number"],
        unique=True,
        sqlite_where=sa.text("state IN ('reserved', 'submitting', 'placed', 'unknown')"),
        postgresql_where=sa.text("state IN ('reserved', 'submitting', 'placed', 'unknown')"),
    )
    op.create_index(
        "uq_attempts_open_record",
        "attempts",
        ["zoho_id", "record_type"],
        unique=True,
        sqlite_where=sa.text("state IN ('reserved', 'submitting', 'placed', 'unknown')"),
        postgresql_where=sa.text("state IN ('reserved', 'submitting', 'placed', 'unknown')"),
    )
    op.create_index(
        "uq_attempts_record_day_slot",
        "attempts",
        ["zoho_id", "record_type", "policy_day", "record_day_slot"],
        unique=True,
    )
    op.create_index("uq_attempts_record_slot", "attempts", ["zoho_id", "record_type", "record_slot"], unique=True)
    op.create_index(
        "uq_attempts_run_record",
        "attempts",
        ["run_id", "zoho_id", "record_type"],
        unique=True,
        sqlite_where=sa.text("run_id IS NOT NULL AND state <> 'released'"),
        postgresql_where=sa.text("run_id IS NOT NULL AND state <> 'released'"),
    )
