"""Results that contradict what is known are counted from an index of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
PHASE = "after"  # 0009 comes before it; until then they are counted without it, more slowly


def upgrade() -> None:
    """It holds the few conflicts alone. A second for each million callbacks."""
    conflict = sa.text("state = 'conflict'")
    op.create_index(
        "ix_inbox_conflict", "inbox", ["inbox_id"], unique=False, sqlite_where=conflict, postgresql_where=conflict
    )
