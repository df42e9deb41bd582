"""Prepared statements say and read the same as SQLAlchemy's own way, and their errors are SQLAlchemy's."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, event, insert, select, update

from autodialer.domain.errors import LedgerRefusal
from autodialer.store.engine import Database
from autodialer.store.prepared import Prepared, PreparedAmong, execute
from autodialer.store.tables import switches

NOW = datetime(2026, 3, 2, 10, 0, 0, 123000, tzinfo=UTC)
_s = switches.c
ADD = Prepared(insert(switches))
CHANGE = Prepared(update(switches).where(_s.name == bindparam("which"), _s.value != "kept"))
AMONG = PreparedAmong(lambda names: select(switches).where(_s.name.in_(names), _s.value != bindparam("but")))
ONE = Prepared(select(_s.changed_at, _s.name).where(_s.name == bindparam("which"), _s.name != bindparam("other")))


def row(name: str, value: str = "x") -> dict[str, Any]:
    return {"name": name, "value": value, "changed_at": NOW}


def everything(connection: Connection) -> Sequence[object]:
    """What all of it says."""
    told: list[object] = []
    ADD.change(connection, row("a"))
    ADD.change_all(connection, [row("b"), row("c", "kept")])
    ADD.change_all(connection, [])
    execute(connection, "UPDATE switches SET value = 'x' WHERE name = 'b'", ())
    told += [CHANGE.change(connection, {"which": name, "value": "y", "changed_at": NOW}) for name in ("b", "c", "d")]
    told += [sorted(found.name for found in AMONG.rows(connection, list("abcd")[:n], {"but": "x"})) for n in range(5)]
    found = ONE.first(connection, {"which": "a", "other": "b"})
    assert found is not None
    return [*told, found.changed_at, found.name, ONE.first(connection, {"which": "d", "other": "b"})]


def test_both_ways_say_and_read_the_same(database: Database) -> None:
    def watched(connection: Connection) -> tuple[Sequence[object], int]:
        seen: list[str] = []
        with connection.begin_nested() as trial:
            event.listen(connection, "before_cursor_execute", lambda *told: seen.append(told[2]))
            told = everything(connection)
            trial.rollback()
        return told, len(seen)

    usual, statements = database.submit(watched).result()
    assert statements > 10, "somebody who listens sees every statement"
    assert database.submit(everything).result() == usual
    assert usual == [1, 0, 0, [], [], ["b"], ["b", "c"], ["b", "c"], NOW, "a", None]


def test_what_the_database_refuses_is_a_refusal_and_nothing_of_it_stays(database: Database) -> None:
    def twice(connection: Connection) -> None:
        ADD.change_all(connection, [row("a"), row("a")])

    with pytest.raises(LedgerRefusal):
        database.submit(twice).result()
    assert database.submit(lambda connection: AMONG.rows(connection, ["a"], {"but": ""})).result() == []


def test_a_list_of_values_in_one_parameter_is_not_taken(database: Database) -> None:
    several = Prepared(select(_s.name).where(_s.name.in_(["a", "b"])))
    with pytest.raises(TypeError, match="PreparedAmong"):
        database.submit(lambda connection: several.rows(connection, {})).result()
