"""What a judge reads in the ledger's tables, past every query of ours."""

from sqlalchemy import text

from proof.inline import InlineStore


def count(store: InlineStore, table: str, condition: str) -> int:
    """How many rows of the table."""
    query = text(f"SELECT count(*) FROM {table} WHERE {condition}")  # noqa: S608 - constants only
    return int(store.now(lambda connection: connection.execute(query).scalar_one()))


def of_attempts(store: InlineStore, column: str, condition: str) -> list[str]:
    """That column of those attempts, in the order in which they were reserved."""
    query = text(f"SELECT {column} FROM attempts WHERE {condition} ORDER BY reserved_at, attempt_id")  # noqa: S608 - as above
    return [str(each) for each in store.now(lambda connection: connection.execute(query).scalars().all())]
