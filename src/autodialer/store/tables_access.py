"""The tables of the console: who may sign in, who is signed in, what was done."""

from sqlalchemy import CheckConstraint, Column, Index, String, Table, Text

from autodialer.store.schema import Id, metadata
from autodialer.store.types import Instant

users = Table(
    "users",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("role", String(10), nullable=False),  # viewer, operator
    Column("password", Text, nullable=False),  # salted hash
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("role IN ('viewer', 'operator')", name="role"),
)

# Not moved with the ledger: who is signed in there is not signed in here.
sign_ins = Table(
    "sign_ins",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("made_with", String(64), nullable=False),
    Column("signed_in_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    info={"moves": False},
)
Index("ix_sign_ins_ends_at", sign_ins.c.ends_at)
Index("ix_sign_ins_name", sign_ins.c.name)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", Id, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("who", String(60), nullable=False),
    Column("action", String(30), nullable=False),
    Column("subject", String(80), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
)
Index("ix_audit_who", audit.c.who, audit.c.audit_id)
Index("ix_audit_action", audit.c.action, audit.c.audit_id)
Index("ix_audit_subject", audit.c.subject, audit.c.audit_id)
