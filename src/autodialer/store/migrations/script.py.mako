"""${message}."""

from alembic import op
import sqlalchemy as sa

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None
PHASE = "before"  # "after": takes away or tightens, and waits until no older code is at work


def upgrade() -> None:
    """To this version."""
    ${upgrades if upgrades else "pass"}
