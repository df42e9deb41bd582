"""DATABASE_URL in all the forms that people have it in."""

from typing import Any

import pytest
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.psycopg import dialect

from autodialer.ledger_url import for_sqlalchemy, password_of, problem_of


def arguments(url: str) -> dict[str, Any]:
    """What psycopg gets in the end."""
    assert problem_of(url) is None
    _, found = dialect().create_connect_args(make_url(for_sqlalchemy(url)))  # type: ignore[no-untyped-call]
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg"]
)
def test_every_scheme_of_postgresql_gets_our_driver(scheme: str) -> None:
    url = for_sqlalchemy(f"{scheme}://u:p@h:5433/d")
    assert url == "postgresql+psycopg://u:p@h:5433/d"
    assert arguments(f"{scheme}://u:p@h:5433/d") == {
        "host": "h",
        "port": 5433,
        "user": "u",
        "password": "p",
        "dbname": "d",
    }


def test_what_stands_behind_the_question_mark_reaches_the_driver() -> None:
    found = arguments("postgres://u:p@h/d?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem&connect_timeout=3")
    assert (found["sslmode"], found["sslrootcert"], found["connect_timeout"]) == ("verify-full", "/etc/ssl/ca.pem", "3")


def test_a_socket_is_named_as_the_host() -> None:
    assert arguments("postgresql:///d?host=/run/postgresql")["host"] == "/run/postgresql"
    assert arguments("postgresql://u@/d?host=%2Frun%2Fpg") == {"user": "u", "dbname": "d", "host": "/run/pg"}


def test_several_hosts_stand_side_by_side() -> None:
    found = arguments("postgresql://u:p%40ss@db1:5432,db2:5433,[2001:db8::1]:5434/d?sslmode=require")
    assert (found["user"], found["password"], found["dbname"], found["sslmode"]) == ("u", "p@ss", "d", "require")
    assert (found["host"], found["port"]) == ("db1,db2,2001:db8::1", "5432,5433,5434")
    assert arguments("postgresql://u@db1,db2/d")["port"] == "5432,5432"


@pytest.mark.parametrize("name", ["mysql", "mysql+pymysql", "mariadb", "mssql+pyodbc", "MongoDB"])
def test_another_database_is_named_in_the_refusal(name: str) -> None:
    problem = problem_of(f"{name}://user:hidden@host/db")
    assert problem is not None
    assert f"names {name.lower()}, which autodialer can't use: take PostgreSQL or SQLite" in problem
    assert "hidden" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "call_logs.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "postgresql://u:hidden@h:x/d",
        "postgresql://u:hidden@h:0/d",
        "postgresql://u:hidden@h:70000/d",
        "postgresql://u:hidden@h1:1,h2:x/d",
        "postgresql://u:hid@den@h/d",
        "postgresql://u:hidden@[::1/d",
        "postgresql://u:hidden@h",
        "postgresql://u:hidden@h/",
    ],
)
def test_what_can_not_be_used_is_refused_without_its_password(url: str) -> None:
    problem = problem_of(url)
    assert problem is not None
    assert problem.startswith("DATABASE_URL")
    assert "hid" not in problem


def test_the_password_alone_is_known_to_the_masking_of_logs() -> None:
    assert password_of("postgresql://u:p%40ss-word@h/d") == "p@ss-word"
    assert password_of("postgresql://u@h/d") is None
    assert password_of("sqlite:////var/lib/x:y@z.db") is None
