"""Callbacks that wait for the CRM's answer are found among all others that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
PHASE = "after"  # 0009 comes before it; until then all that wait are read to find them


def upgrade() -> None:
    """The index holds those alone, so a callback that comes costs no more. A second for each million callbacks."""
    asking = sa.text("state = 'new' AND note = 'placed elsewhere: waits for the CRM'")
    op.create_index(
        "ix_inbox_asking", "inbox", ["inbox_id"], unique=False, sqlite_where=asking, postgresql_where=asking
    )
