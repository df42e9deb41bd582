"""Callbacks by the session that they tell of.

On SQLite those that are settled have an index of their sessions. Those that are new are indexed by blocks of their numbers, so
that to keep one costs little when it comes (tables.py); a session is looked up in each block in which any is new: in one as a
rule, which takes 10 microseconds; in 600 when 300,000 wait, which takes 2 milliseconds, and some more for each further session.

PostgreSQL has one index of the sessions of all. There, until the next vacuum, the look for the oldest block would pass all that
were settled since the last one.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, select, text

from autodialer.ports.rows import ASKING
from autodialer.store.prepared import PreparedAmong
from autodialer.store.tables import INBOX_BLOCK, INBOX_NEW, INBOX_SETTLED, inbox

_Sessions = Sequence[BindParameter[Any]]

_i = inbox.c
# Each block in which any is new is found from the one before, at last a null. They are no join: whatever an ANALYZE has noted, the
# index is searched for the blocks and the sessions, and not all callbacks for those in the blocks.
_NEW_IDS = f"""
WITH RECURSIVE blocks (block) AS (
    SELECT min({INBOX_BLOCK}) FROM inbox WHERE {INBOX_NEW}
    UNION ALL
    SELECT (SELECT min({INBOX_BLOCK}) FROM inbox WHERE {INBOX_NEW} AND {INBOX_BLOCK} > block) FROM blocks WHERE block IS NOT NULL
)
SELECT inbox_id FROM inbox WHERE {INBOX_NEW} AND {INBOX_BLOCK} IN blocks AND session_id IN (%(sessions)s)
"""  # noqa: S608 - all of it is written here
_SETTLED_IDS = f"SELECT inbox_id FROM inbox WHERE {INBOX_SETTLED} AND session_id IN (%(sessions)s)"  # noqa: S608 - as above
_IDS = f"{_NEW_IDS} UNION ALL {_SETTLED_IDS}"  # in one statement, which sees all of them at one moment


def _with_ids(ids: str, sessions: _Sessions) -> Select[Any]:
    said = ", ".join(f":{session.key}" for session in sessions)
    return select(inbox).where(text(f"inbox_id IN ({ids % {'sessions': said}})"))


def _indexed(sessions: _Sessions) -> Select[Any]:
    return select(inbox).where(_i.session_id.in_(sessions))


_OF = {
    "sqlite": PreparedAmong(lambda sessions: _with_ids(_IDS, sessions).order_by(_i.inbox_id)),
    "postgresql": PreparedAmong(lambda sessions: _indexed(sessions).order_by(_i.inbox_id)),
}
_NEW_OF = {
    "sqlite": PreparedAmong(lambda sessions: _with_ids(_NEW_IDS, sessions).where(_i.note != ASKING)),
    "postgresql": PreparedAmong(lambda sessions: _indexed(sessions).where(_i.state == "new", _i.note != ASKING)),
}


def of_sessions(connection: Connection, sessions: Sequence[str]) -> list[Any]:
    """All callbacks of a few sessions, in the order in which they came."""
    return _OF[connection.dialect.name].rows(connection, sessions)


def new_of_sessions(connection: Connection, sessions: Sequence[str]) -> list[Any]:
    """Those that can be applied, in no order: they are new, and do not wait for the CRM's answer."""
    return _NEW_OF[connection.dialect.name].rows(connection, sessions)
