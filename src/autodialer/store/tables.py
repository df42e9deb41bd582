"""The ledger's tables. What may never happen (docs/adr/0002) is refused here, by the database.

Booleans are 0/1 integers and JSON is text, so that both databases hold the same. The conditions of partial indexes have names:
a query that is to use such an index says the same words, since neither database sees through a parameter.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

import autodialer.store.tables_access
import autodialer.store.tables_figures  # noqa: F401 - their tables belong to the same schema
from autodialer.ports.rows import ASKING
from autodialer.store.schema import WHOLE, Id
from autodialer.store.schema import metadata as metadata  # noqa: PLC0414 - all ask for it here
from autodialer.store.types import Instant

OPEN = "state IN ('reserved', 'submitting', 'placed', 'unknown')"
RUN_OPEN = "state IN ('staging', 'dialing')"
CALL_STATUS_LENGTH = 40


def _where(condition: str) -> dict[str, Any]:
    """Of a partial index; on PostgreSQL too (schema.py)."""
    return {"sqlite_where": text(condition)}


_STATES = "'reserved', 'submitting', 'placed', 'ended', 'unknown', 'released'"

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(36), primary_key=True),
    Column("kind", String(12), nullable=False),  # scheduled, manual
    Column("slot", Instant, unique=True),  # null for a manual run: those have no slot to share
    Column("state", String(12), nullable=False),  # staging, dialing, finished, stopped, skipped
    Column("confirm", Integer, nullable=False, server_default="0"),
    Column("policy_hash", String(64), nullable=False),
    Column("singleton", Integer, nullable=False, server_default="1"),
    Column("owner", String(64), nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("staged_at", Instant),
    Column("ended_at", Instant),
    Column("stop_reason", Text),
    Column("totals", Text, nullable=False, server_default="{}"),
    CheckConstraint("state IN ('staging', 'dialing', 'finished', 'stopped', 'skipped')", name="state"),
    CheckConstraint("kind IN ('scheduled', 'manual')", name="kind"),
)
# At most one run is open, whoever starts it (rules.md rows 19 and 20): all runs have the same `singleton`.
Index("uq_runs_open", runs.c.singleton, unique=True, **_where(RUN_OPEN))
Index(None, runs.c.started_at)

# The processes that share the ledger; by the database's clock, as is `pace`.
replicas = Table(
    "replicas",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("joined_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),  # silent for longer, it is taken for dead
    Column("heard_at", Instant),  # when it heard a result last
    info={"moves": False},
)

pace = Table(
    "pace",
    metadata,
    Column("name", String(12), primary_key=True),  # calls
    Column("due_at", BigInteger, nullable=False),  # microseconds since 1970: when the next one may leave
    Column("interval", BigInteger, nullable=False),  # microseconds between two; 0: nobody has kept it yet
    Column("calm_since", BigInteger, nullable=False),  # microseconds since 1970: nobody complained
    info={"moves": False},
)

staged_records = Table(
    "staged_records",
    metadata,
    Column("run_id", String(36), primary_key=True),
    Column("record_type", String(8), primary_key=True),
    Column("zoho_id", String(20), primary_key=True),
    Column("sort_key", String(64), nullable=False),
    Column("status", Text),
    Column("number", String(20)),
    Column("contends", Integer, nullable=False, server_default="0"),
    Column("rank", String(80), nullable=False, server_default=""),
    Column("state", String(10), nullable=False),  # skip, dead, due, claimed, called, error
    Column("reason", String(32), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("next_at", Instant),
    Column("facts", Text, nullable=False, server_default="{}"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("attempt_id", String(36)),
    Column("owner", String(64)),
    CheckConstraint("state IN ('skip', 'dead', 'due', 'claimed', 'called', 'error')", name="state"),
)
Index("ix_staged_records_order", staged_records.c.run_id, staged_records.c.state, staged_records.c.sort_key)
Index("ix_staged_records_number", staged_records.c.run_id, staged_records.c.number)
Index("ix_staged_records_record", staged_records.c.zoho_id, staged_records.c.record_type)

attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", String(36), primary_key=True),
    Column("run_id", String(36), ForeignKey("runs.run_id")),  # null: placed elsewhere (rules.md row 24)
    Column("record_type", String(8), nullable=False),
    Column("zoho_id", String(20), nullable=False),
    Column("number", String(20)),  # null only for calls placed elsewhere
    Column("state", String(10), nullable=False),
    Column("disposition", String(10)),
    Column("call_status", String(CALL_STATUS_LENGTH)),
    Column("reason", Text, nullable=False, server_default=""),
    Column("session_id", String(120), unique=True),
    Column("is_new", Integer, nullable=False),
    Column("record_status", Text),
    Column("attempts_before", Integer, nullable=False),
    Column("first_no_answer_at", Instant),  # as known when decided
    Column("policy_day", String(10), nullable=False),  # the date in the policy's zone, YYYY-MM-DD
    Column("day_index", Integer),
    Column("record_slot", Integer),
    Column("number_slot", Integer),
    Column("record_day_slot", Integer),
    Column("number_day_slot", Integer),
    Column("total_quota", Integer, nullable=False),
    Column("day_quota", Integer, nullable=False),
    Column("agent_unreached", Integer, nullable=False, server_default="0"),
    Column("number_refused", Integer, nullable=False, server_default="0"),
    Column("duration_seconds", Integer),
    Column("owner", String(64), nullable=False),
    Column("lease_until", Instant),
    Column("reserved_at", Instant, nullable=False),
    Column("submitted_at", Instant),
    Column("placed_at", Instant),
    Column("unknown_at", Instant),
    Column("ended_at", Instant),
    Column("hold_lifted_at", Instant),  # a person changed the status after this answered call (rules.md row 11)
    CheckConstraint(f"state IN ({_STATES})", name="state"),
    CheckConstraint("record_type IN ('Lead', 'Contact')", name="record_type"),
    CheckConstraint(
        "disposition IS NULL OR disposition IN ('answered', 'no_answer', 'busy', 'failed', 'unknown')",
        name="disposition",
    ),
    CheckConstraint("(state = 'ended') = (disposition IS NOT NULL)", name="end_has_disposition"),
    CheckConstraint("state <> 'placed' OR session_id IS NOT NULL", name="placed_has_session"),
    CheckConstraint("state IN ('reserved', 'released') OR submitted_at IS NOT NULL", name="sent_has_intent"),
    CheckConstraint("run_id IS NULL OR number IS NOT NULL", name="ours_has_number"),
    # The quotas (rules.md): a slot is one of the calls that the quota allows, and no two attempts share one.
    CheckConstraint("record_slot IS NULL OR record_slot BETWEEN 1 AND total_quota", name="total_quota_of_record"),
    CheckConstraint("number_slot IS NULL OR number_slot BETWEEN 1 AND total_quota", name="total_quota_of_number"),
    CheckConstraint("record_day_slot IS NULL OR record_day_slot BETWEEN 1 AND day_quota", name="day_quota_of_record"),
    CheckConstraint("number_day_slot IS NULL OR number_day_slot BETWEEN 1 AND day_quota", name="day_quota_of_number"),
    CheckConstraint(
        "run_id IS NULL OR state = 'released' OR (record_slot IS NOT NULL AND number_slot IS NOT NULL "
        "AND record_day_slot IS NOT NULL AND number_day_slot IS NOT NULL)",
        name="ours_takes_slots",
    ),
)
_a = attempts.c
Index("uq_attempts_open_number", _a.number, unique=True, **_where(OPEN))
Index("uq_attempts_open_record", _a.zoho_id, _a.record_type, unique=True, **_where(OPEN))
Index("uq_attempts_record_slot", _a.zoho_id, _a.record_type, _a.record_slot, unique=True)
Index("uq_attempts_number_slot", _a.number, _a.number_slot, unique=True)
Index("uq_attempts_record_day_slot", _a.zoho_id, _a.record_type, _a.policy_day, _a.record_day_slot, unique=True)
Index("uq_attempts_number_day_slot", _a.number, _a.policy_day, _a.number_day_slot, unique=True)
# One call per record per run (rules.md, order of a run).
NOT_RELEASED = "run_id IS NOT NULL AND state <> 'released'"
Index("uq_attempts_run_record", _a.run_id, _a.zoho_id, _a.record_type, unique=True, **_where(NOT_RELEASED))
Index("ix_attempts_open", _a.state, **_where(OPEN))
Index("ix_attempts_submitted_at_state", _a.submitted_at, _a.state)
RELEASED = "state = 'released'"
Index("ix_attempts_released", _a.policy_day, **_where(RELEASED))
# The work list: a New record whose one call closed as unknown is not called again until a person settles it (rules.md row 25).
UNSETTLED = "(state = 'unknown' OR (disposition = 'unknown' AND is_new = 1))"
Index("ix_attempts_unsettled", _a.submitted_at, **_where(UNSETTLED))
# Of whichever record: 8x8's log may tell how these ended (runbook.md, "Unknown calls").
UNHEARD = "(state = 'unknown' OR disposition = 'unknown')"
Index("ix_attempts_unheard", _a.submitted_at, **_where(UNHEARD))
HELD = "disposition = 'answered' AND hold_lifted_at IS NULL"
# Who answered and waits is listed from it alone: their calls lie scattered over the whole table. The last two columns say what its
# condition says, but SQLite asks each row for them.
Index(
    "ix_attempts_held",
    _a.zoho_id,
    _a.record_type,
    _a.ended_at,
    _a.agent_unreached,
    _a.disposition,
    _a.hold_lifted_at,
    **_where(HELD),
)

inbox = Table(
    "inbox",
    metadata,
    Column("inbox_id", Id, primary_key=True, autoincrement=True),
    Column("dedupe_key", String(64), nullable=False, unique=True),
    Column("source", String(12), nullable=False),  # mission, provider
    Column("event_type", String(60), nullable=False, server_default=""),
    Column("session_id", String(120)),
    Column("body", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("deliveries", Integer, nullable=False, server_default="1"),
    Column("state", String(10), nullable=False, server_default="new"),  # new, applied, orphan, ignored, conflict
    Column("attempt_id", String(36)),
    Column("note", Text, nullable=False, server_default=""),
    Column("applied_at", Instant),
    CheckConstraint("state IN ('new', 'applied', 'orphan', 'ignored', 'conflict')", name="state"),
)
INBOX_WAITING = "state IN ('new', 'orphan')"
Index("ix_inbox_waiting", inbox.c.state, inbox.c.inbox_id, **_where(INBOX_WAITING))
INBOX_ASKING = f"state = 'new' AND note = '{ASKING}'"
Index("ix_inbox_asking", inbox.c.inbox_id, **_where(INBOX_ASKING))
CONFLICT = "state = 'conflict'"
Index("ix_inbox_conflict", inbox.c.inbox_id, **_where(CONFLICT))
# 8x8's ids are in no order: on SQLite an index of the sessions of all would change a page for each callback that comes. So those
# that are new are held apart by blocks of their numbers, and a group of them changes the few pages of the newest block.
INBOX_BLOCK = "inbox_id / 512"
INBOX_NEW = "state = 'new'"
Index("ix_inbox_new_session", text(f"({INBOX_BLOCK})"), inbox.c.session_id, **_where(INBOX_NEW)).ddl_if(
    dialect="sqlite"
)
INBOX_SETTLED = "state <> 'new'"
Index(None, inbox.c.session_id, info={WHOLE: True}, **_where(INBOX_SETTLED))
MATCHED = "attempt_id IS NOT NULL"
Index(None, inbox.c.attempt_id, **_where(MATCHED))

outbox = Table(
    "outbox",
    metadata,
    Column("outbox_id", Id, primary_key=True, autoincrement=True),
    Column("record_type", String(8), nullable=False),
    Column("zoho_id", String(20), nullable=False),
    Column("attempt_id", String(36)),
    Column("cause", String(12), nullable=False),  # result, dead, again
    Column("expected_statuses", Text, nullable=False),  # JSON: over what the status may be written
    Column("status", String(20)),  # CrmStatus to set; null leaves it
    Column("call_attempts", Integer),
    Column("first_no_answer_at", Instant),
    Column("state", String(12), nullable=False, server_default="pending"),  # pending, sent, superseded, parked
    Column("status_kept", Text),  # the person's status that was left standing (rules.md row 13)
    Column("blocked_since", Instant),  # since when Zoho says that the record is locked, in approval or the like
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Instant, nullable=False),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("claimed_by", String(64)),  # the replica that has it on its way, also when it was superseded meanwhile
    Column("claimed_until", Instant),  # by the database's clock: no claim holds for ever
    CheckConstraint("state IN ('pending', 'sent', 'superseded', 'parked')", name="state"),
)
OUTBOX_WAITING = "state IN ('pending', 'parked')"
Index("uq_outbox_pending_record", outbox.c.zoho_id, outbox.c.record_type, unique=True, **_where(OUTBOX_WAITING))
PENDING = "state = 'pending'"
Index("ix_outbox_due", outbox.c.next_try_at, **_where(PENDING))
PARKED = "state = 'parked'"
Index("ix_outbox_parked", outbox.c.outbox_id, **_where(PARKED))
Index("ix_outbox_record", outbox.c.zoho_id, outbox.c.record_type, outbox.c.outbox_id)
CLAIMED = "claimed_by IS NOT NULL"
Index("ix_outbox_claimed", outbox.c.claimed_by, **_where(CLAIMED))

# Attempts that are to be told of in Zoho as a note or a call (ZOHO_LOG_CALLS), each once.
activities = Table(
    "activities",
    metadata,
    Column("attempt_id", String(36), ForeignKey("attempts.attempt_id"), primary_key=True),
    Column("state", String(8), nullable=False, server_default="pending"),  # pending, sent, parked
    Column("form", String(4)),  # note, call: as what it may stand in Zoho already; null: it certainly does not
    Column("activity_id", String(20)),  # Zoho's id
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Instant, nullable=False),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("claimed_by", String(64)),  # the replica that sends it
    CheckConstraint("state IN ('pending', 'sent', 'parked')", name="state"),
    CheckConstraint("form IN ('note', 'call')", name="form"),
)
ACTIVITY_DUE = PENDING
Index("ix_activities_due", activities.c.next_try_at, **_where(ACTIVITY_DUE))

do_not_call = Table(
    "do_not_call",
    metadata,
    Column("number", String(20), primary_key=True),
    Column("reason", Text, nullable=False, server_default=""),
    Column("added_at", Instant, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("holder", String(64)),  # who may mint the next one
    Column("held_until", Instant),
)

# What one replica at a time does; leases by the database's clock.
duties = Table(
    "duties",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("lease_until", Instant, nullable=False),
    info={"moves": False},
)

switches = Table(
    "switches",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
)

crm_usage = Table(
    "crm_usage",
    metadata,
    Column("period", Instant, primary_key=True, autoincrement=False),  # when its ten minutes began
    Column("calls", Integer, nullable=False),
    Column("credits", Integer, nullable=False),
    Column("throttled", Integer, nullable=False),
    Column("credits_remaining", Integer),  # Zoho's own last word in that time, and when it came
    Column("told_at", Instant),
)
