"""Callbacks are found by their attempt only once they have one: until then they take no place in that index."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
PHASE = "after"


def upgrade() -> None:
    """A callback is one index cheaper when it comes. A second for each million callbacks."""
    matched = sa.text("attempt_id IS NOT NULL")
    op.drop_index("ix_inbox_attempt_id", "inbox")
    op.create_index(
        "ix_inbox_attempt_id", "inbox", ["attempt_id"], unique=False, sqlite_where=matched, postgresql_where=matched
    )
