"""docs/postgresql.md says what is so: its queries run, its figures are the code's, its links lead somewhere."""

import re
from pathlib import Path

import pytest

from autodialer.settings import Settings
from autodialer.store.migrate import HEAD
from autodialer.store.postgres import (
    _CLIENT_SIDE,
    CONNECT_PATIENCE,
    DEADLINE,
    PATIENCE_OF_WRITERS_MS,
    STATEMENT_PATIENCE,
    WRITER_IDLE_MS,
)
from databases import Postgres

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "postgresql.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"-- (.+)\n((?:(?!--).+\n)+)", re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)[0])


@pytest.mark.parametrize(("what", "query"), QUERIES, ids=[what for what, _ in QUERIES])
def test_each_query_of_the_page_runs(postgres: Postgres, what: str, query: str) -> None:
    name = postgres.fresh().partition("@/")[2].partition("?")[0]
    with postgres.admin(name) as admin:
        found = admin.execute(query.encode()).fetchall()
    if what.startswith("which migrations"):
        ((schema, oldest),) = found
        assert (schema, oldest <= HEAD) == (HEAD, True)


def waits(name: str) -> str:
    row = re.search(rf"(?m)^\| [^|]*{re.escape(name)}[^|]* \| ([^|]*) \|", PAGE)
    assert row is not None, name
    return row[1]


def test_what_waits_how_long_is_told_as_it_is() -> None:
    assert waits("connect_timeout").split()[0] == str(CONNECT_PATIENCE)
    assert waits("statement_timeout") == f"{STATEMENT_PATIENCE:g}"
    least, most = PATIENCE_OF_WRITERS_MS[0], PATIENCE_OF_WRITERS_MS[-1] + 1
    assert waits("lock_timeout").startswith(f"{least / 1000:g} to {most / 1000:g},")
    assert waits("idle_in_transaction_session_timeout") == f"{WRITER_IDLE_MS / 1000:g}"
    assert waits("the ledger's own deadline") == f"{DEADLINE:g}"
    keepalives = (
        _CLIENT_SIDE["keepalives_idle"] + _CLIENT_SIDE["keepalives_interval"] * _CLIENT_SIDE["keepalives_count"]
    )
    assert waits("tcp_user_timeout") == f"{_CLIENT_SIDE['tcp_user_timeout'] // 1000} to {keepalives}"
    assert DEADLINE > STATEMENT_PATIENCE


def test_every_setting_and_every_page_that_it_names_exists() -> None:
    known = {name.upper() for name in Settings.model_fields}
    example = (DOCS.parent / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z][A-Z_]{3,})`", PAGE)) - {"PG_BIN"}  # that one is for developers
    assert named
    assert [name for name in named if name not in known and f"{name}=" not in example] == []
    links = re.findall(r"\]\(([^)#]+)", PAGE)
    assert links
    assert [link for link in links if not (DOCS / link).exists()] == []
