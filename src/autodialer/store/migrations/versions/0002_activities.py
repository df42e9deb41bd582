"""Activities in Zoho, one for each attempt that is told of there; since when an update is refused because a record is held."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
PHASE = "before"


def upgrade() -> None:
    """Add the column, then the table."""
    op.add_column("outbox", sa.Column("blocked_since", sa.BigInteger(), nullable=True))
    op.create_table(
        "activities",
        sa.Column("attempt_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=8), server_default="pending", nullable=False),
        sa.Column("form", sa.String(length=4), nullable=True),
        sa.Column("activity_id", sa.String(length=20), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("form IN ('note', 'call')", name=op.f("ck_activities_form")),
        sa.CheckConstraint("state IN ('pending', 'sent', 'parked')", name=op.f("ck_activities_state")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.attempt_id"], name=op.f("fk_activities_attempt_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_activities")),
    )
    op.create_index(
        "ix_activities_due",
        "activities",
        ["next_try_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
