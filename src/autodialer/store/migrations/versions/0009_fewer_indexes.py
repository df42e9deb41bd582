"""Indexes go that only counted calls: migration 0008 counts them as they end."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
PHASE = "after"


def upgrade() -> None:
    """The one that comes is for pruning and holds only released attempts. A second for each million attempts."""
    released = sa.text("state = 'released'")
    op.create_index(
        "ix_attempts_released",
        "attempts",
        ["policy_day"],
        unique=False,
        sqlite_where=released,
        postgresql_where=released,
    )
    for name in ("ix_attempts_day", "ix_attempts_noted", "ix_attempts_ours_submitted_at"):
        op.drop_index(name, "attempts")
