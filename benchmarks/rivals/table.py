"""What all rivals written in Python share: the five fields, the table, and one thread that commits all that waits at once."""

import asyncio
import sqlite3
import threading
from typing import Annotated

import msgspec
import uvicorn

SCHEMA = """
CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY,
    call_id TEXT NOT NULL,
    call_status TEXT NOT NULL,
    ts TEXT NOT NULL,
    zoho_id TEXT NOT NULL,
    record_type TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (call_id, call_status, ts)
)
"""
INSERT = (
    "INSERT INTO callbacks (call_id, call_status, ts, zoho_id, record_type, body) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING"
)
ZOHO_ID = r"^[0-9]{1,20}$"
RECORD_TYPE = r"^(Lead|Contact)$"
CALL_STATUS = r"^(answered|no_answer|busy|failed)$"
TIMESTAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
LONGEST_CALL_ID = 120

Row = tuple[str, str, str, str, str, str]
Waiting = tuple[Row, "asyncio.Future[None]"]


class Callback(msgspec.Struct):
    """The body, validated while it is decoded."""

    zoho_id: Annotated[str, msgspec.Meta(pattern=ZOHO_ID)]
    record_type: Annotated[str, msgspec.Meta(pattern=RECORD_TYPE)]
    call_status: Annotated[str, msgspec.Meta(pattern=CALL_STATUS)]
    timestamp: Annotated[str, msgspec.Meta(pattern=TIMESTAMP)]
    call_id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_CALL_ID)]


_decode = msgspec.json.Decoder(Callback).decode


def read(raw: bytes) -> Row:
    """The row of a body. msgspec.DecodeError names what is wrong."""
    found = _decode(raw)
    return found.call_id, found.call_status, found.timestamp, found.zoho_id, found.record_type, raw.decode()


def open_table(path: str) -> sqlite3.Connection:
    """Made where it is missing. Each commit is on the disk before it returns."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(SCHEMA)
    return database


class GroupWriter:
    """Commits from a thread of its own: whatever came in during one commit goes into the next."""

    def __init__(self, path: str) -> None:
        self._database = open_table(path)
        self._waiting: list[Waiting] = []
        self._some = threading.Event()
        threading.Thread(target=self._write, daemon=True).start()

    def store(self, row: Row) -> "asyncio.Future[None]":
        """Done once the row is durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        self._some.set()
        return done

    def _write(self) -> None:
        while self._some.wait():
            self._some.clear()
            group, self._waiting = self._waiting, []
            if not group:
                continue
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(INSERT, [row for row, _ in group])
            self._database.execute("COMMIT")
            group[0][1].get_loop().call_soon_threadsafe(settle, [done for _, done in group])


def settle(stored: "list[asyncio.Future[None]]") -> None:
    """Tell everyone whose row is durable."""
    for done in stored:
        if not done.done():
            done.set_result(None)


def serve(app: object, port: int) -> None:
    """As fast as uvicorn is here: with uvloop and httptools where they are."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off")  # type: ignore[arg-type]  # any ASGI application
    uvicorn.Server(config).run()
