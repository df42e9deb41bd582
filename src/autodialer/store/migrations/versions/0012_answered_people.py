"""Who answered and waits for a person is listed from one index alone, without a look at each of their calls."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
PHASE = "after"


def upgrade() -> None:
    """The index also holds what the list shows. It has the few calls alone that hold somebody back: seconds."""
    held = sa.text("disposition = 'answered' AND hold_lifted_at IS NULL")
    op.drop_index("ix_attempts_held", "attempts")
    op.create_index(
        "ix_attempts_held",
        "attempts",
        ["zoho_id", "record_type", "ended_at", "agent_unreached", "disposition", "hold_lifted_at"],
        unique=False,
        sqlite_where=held,
        postgresql_where=held,
    )
