"""Sessions that SQLite kept as they were told, however long, are brought into the one form in which they are looked for."""

import sqlalchemy as sa
from alembic import op

from autodialer.domain.session import session_of

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
PHASE = "after"

_ODD = "length(CAST(session_id AS BLOB)) > 120 OR instr(session_id, char(0)) > 0 OR session_id <> trim(session_id)"


def upgrade() -> None:
    """PostgreSQL's columns never held such ones. A second for each million callbacks."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    for table in ("attempts", "inbox"):
        odd = connection.execute(sa.text(f"SELECT DISTINCT session_id FROM {table} WHERE {_ODD}")).scalars().all()
        bring = sa.text(f"UPDATE {table} SET session_id = :now WHERE session_id = :before")
        for before in odd:
            connection.execute(bring, {"now": session_of(before) or before, "before": before})
