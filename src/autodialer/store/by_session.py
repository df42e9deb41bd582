"""Callbacks by the session that they tell of.

On SQLite those that are settled have an index of their sessions. Those that are new are indexed by blocks of their numbers, so
that to keep one costs little when it comes (tables.py); a session is looked up in each block in which any is new: in one as a
rule, which takes 10 microseconds; in 600 when 300,000 wait, which takes 2 milliseconds.

PostgreSQL has one index of the sessions of all. Blocks would be found there through what was in them until the next vacuum.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    func,
    literal_column,
    select,
    text,
    union_all,
)

from autodialer.ports.rows import ASKING
from autodialer.store.prepared import PreparedAmong
from autodialer.store.tables import INBOX_BLOCK, INBOX_NEW, INBOX_SETTLED, inbox

Sessions = Sequence[BindParameter[Any]]

_i = inbox.c
_block: ColumnElement[int] = literal_column(INBOX_BLOCK, _i.inbox_id.type)


def _blocks() -> CTE:
    """The blocks in which any is new, each found from the one before; at last a null."""
    least = select(func.min(_block).label("block")).select_from(inbox).where(text(INBOX_NEW))
    first = least.cte("blocks", recursive=True)
    following = least.where(first.c.block < _block).correlate(first).scalar_subquery()
    return first.union_all(select(following).where(first.c.block.is_not(None)))


def _new(sessions: Sessions) -> Select[Any]:
    blocks = _blocks()
    mine = (text(INBOX_NEW), _i.session_id.in_(sessions))
    return select(inbox).join_from(blocks, inbox, blocks.c.block == _block).where(*mine)


def _any(sessions: Sessions) -> Select[Any]:
    settled = select(inbox).where(text(INBOX_SETTLED), _i.session_id.in_(sessions))
    both = union_all(settled, _new(sessions)).subquery("both")
    return select(both).order_by(both.c.inbox_id)


def _indexed(sessions: Sessions) -> Select[Any]:
    return select(inbox).where(_i.session_id.in_(sessions))


_OF = {
    "sqlite": PreparedAmong(_any),
    "postgresql": PreparedAmong(lambda sessions: _indexed(sessions).order_by(_i.inbox_id)),
}
_NEW_OF = {
    "sqlite": PreparedAmong(lambda sessions: _new(sessions).where(_i.note != ASKING)),
    "postgresql": PreparedAmong(lambda sessions: _indexed(sessions).where(_i.state == "new", _i.note != ASKING)),
}


def of_sessions(connection: Connection, sessions: Sequence[str]) -> list[Any]:
    """All callbacks of a few sessions, in the order in which they came."""
    return _OF[connection.dialect.name].rows(connection, sessions)


def new_of_sessions(connection: Connection, sessions: Sequence[str]) -> list[Any]:
    """Those that can be applied, in no order: they are new, and do not wait for the CRM's answer."""
    return _NEW_OF[connection.dialect.name].rows(connection, sessions)
