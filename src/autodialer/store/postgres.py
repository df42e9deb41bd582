"""How PostgreSQL is connected to: nothing waits for ever, neither here nor there, and after a failover the new primary is found.

What each figure is for: docs/postgresql.md.
"""

import os
import random
import select
import socket
import threading
import time
import uuid
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError

from autodialer.store.phases import newest

_PROCESS: Final = uuid.uuid4().hex[:12]
CONNECT_PATIENCE = 5  # seconds for each host
STATEMENT_PATIENCE = 30.0
DEADLINE = 40.0  # seconds from a connection's checkout to its return: more than a statement may take
_READ_ONLY_STATE = "25006"
_SERVER_SIDE: Final = {
    "statement_timeout": int(STATEMENT_PATIENCE * 1000),
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 10_000,
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# PostgreSQL ends the transaction of a writer that stopped in the middle of it (SIGSTOP, a host that hangs), and its row locks with
# it. Both are shorter than a lease: who waits for such a row must not be taken for dead itself.
WRITER_IDLE_MS: Final = 2_000
# Who waits for rows of others lets go of his own soon: two groups with the same rows in another order wait for each other. And the
# writer has more to do meanwhile, such as to say that this process lives. Each for as long as chance has it: two that let go at the
# same moment, and try again at the same moment, would do so until both give up.
PATIENCE_OF_WRITERS_MS: Final = range(120, 260)
# Whatever the defaults of the server, database or role are: a call whose intent a crash takes back would be made again, and what is
# read behind a lock must be what was committed meanwhile.
_PROMISED: Final = r"-c synchronous_commit=on -c default_transaction_isolation=read\ committed"
_CLIENT_SIDE: Final = {
    "connect_timeout": CONNECT_PATIENCE,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def connect_args(url: URL, *, writable: bool, reads: bool = False) -> dict[str, Any]:
    """What psycopg is told besides the URL, which wins where it says something itself.

    Who only reads may do so on a standby and for as long as it takes; `reads`: beside a writer, on the primary.
    """
    wanted: dict[str, Any] = dict(_CLIENT_SIDE)
    if writable:
        wanted["target_session_attrs"] = "read-write"
    found = {name: value for name, value in wanted.items() if name not in url.query}
    server_side = {name: value for name, value in _SERVER_SIDE.items() if writable or name != "statement_timeout"}
    if writable and not reads:
        patience = random.choice(PATIENCE_OF_WRITERS_MS)  # noqa: S311 - guards nothing
        server_side |= {"lock_timeout": patience, "idle_in_transaction_session_timeout": WRITER_IDLE_MS}
    said = " ".join([_PROMISED, *(f"-c {name}={value}" for name, value in server_side.items())])
    given = url.query.get("options", "")
    found["options"] = f"{said} {given if isinstance(given, str) else ' '.join(given)}".strip()
    found["application_name"] = process_name()
    return found


def process_name() -> str:
    """How PostgreSQL knows this process: by its schema, for migrate.py looks for older ones, and by a name of its own."""
    return f"autodialer {newest()} {_PROCESS}"


def postgres_engine(url: URL, *, writable: bool, pool_size: int, reads: bool = False) -> Engine:
    """An engine for one process."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        pool_pre_ping=not writable,  # else Deadline looks, for less
        connect_args=connect_args(url, writable=writable, reads=reads),
    )
    event.listen(engine, "handle_error", _leave_a_standby)
    return engine


def _leave_a_standby(context: ExceptionContext) -> None:
    """A server that became a standby keeps our connection: drop it, so that the next one finds the new primary."""
    if getattr(context.original_exception, "sqlstate", None) != _READ_ONLY_STATE or context.connection is None:
        return
    if not context.connection.get_execution_options().get("postgresql_readonly"):
        context.is_disconnect = True


class Deadline:
    """Cuts connections that were not given back in time, so that whoever waits for a dead server gets an error.

    The kernel's timeouts can't see a server or proxy that takes what we send and never answers. `seconds` from checkout to return.
    A connection that has ended while nobody used it is replaced at its checkout.
    """

    def __init__(self, engine: Engine, seconds: float) -> None:
        self._engine = engine
        self._seconds = seconds
        self._lock = threading.Lock()
        self._held: dict[int, tuple[float, socket.socket]] = {}  # by thread
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="ledger-deadline", daemon=True)
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "checkout", self._taken)
        event.listen(engine, "checkin", self._returned)
        event.listen(engine, "close", self._closed)
        self._watcher.start()

    def lift(self) -> None:
        """Let this thread keep the connection that it has for as long as it takes."""
        with self._lock:
            self._held.pop(threading.get_ident(), None)

    def close(self) -> None:
        """Watch no more."""
        self._stop.set()
        self._watcher.join()

    def _opened(self, connection: Any, record: Any) -> None:
        # A descriptor of our own: the connection's may be closed, and its number taken by another socket, at any moment.
        record.info["socket"] = socket.socket(fileno=os.dup(connection.pgconn.socket))

    def _taken(self, connection: Any, record: Any, _proxy: object) -> None:
        record.info["holder"] = threading.get_ident()
        with self._lock:
            self._held[record.info["holder"]] = (time.monotonic() + self._seconds, record.info["socket"])
        if not _has_news(record.info["socket"]):
            return
        # The end of the connection, as a rule; it may also be a notice. SQLAlchemy's own ping would cost a round trip each time.
        try:
            self._engine.dialect.do_ping(connection)
        except self._engine.dialect.loaded_dbapi.OperationalError as error:  # psycopg is loaded where it is used
            raise InvalidatePoolError(str(error)) from error

    def _returned(self, _connection: Any, record: Any) -> None:
        with self._lock:
            self._held.pop(record.info.get("holder"), None)

    def _closed(self, _connection: Any, record: Any) -> None:
        with self._lock:
            self._held.pop(record.info.get("holder"), None)
            own = record.info.pop("socket", None)
            if own is not None:
                own.close()

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds / 8):
            now = time.monotonic()
            with self._lock:
                for key, (until, own) in list(self._held.items()):
                    if until < now:
                        del self._held[key]
                        _cut(own)


def _has_news(own: socket.socket) -> bool:
    """Whether a server that was not asked anything has said something, or is gone."""
    news = select.poll()
    news.register(own, select.POLLIN)
    return bool(news.poll(0))


def _cut(own: socket.socket) -> None:
    try:
        own.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already
