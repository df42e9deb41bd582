"""The service's log: error.log and combined.log as JSON lines, the same on the console, masked.

Whoever logs only puts a finished line into a queue; a thread of its own writes. A slow disk therefore delays
nobody, and a full or read-only one costs lines of a file, never a call: the console goes on, with one warning.
"""

import atexit
import json
import logging
import os
import queue
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor

from autodialer.masking import Masker

MAX_BYTES = 10_000_000
BACKUPS = 5
QUEUE_SIZE = 10_000
FLUSH_SECONDS = 5.0
RETRY_SECONDS = 30.0  # how long a file that failed is left alone

# They repeat every request, or log parameters (people's names among them) at debug level.
_QUIET = (
    "aiosqlite",
    "asyncio",
    "httpcore2",
    "httpx2",
    "multipart",
    "psycopg",
    "sqlalchemy",
    "uvicorn.access",
)

_masker = Masker()
_hanging: list[threading.Thread] = []
_log = structlog.stdlib.get_logger(__name__)


def configure_logging(*, level: str, log_dir: Path | None, development: bool, console: bool = True) -> None:
    """Send everything that is logged, by us or a library, to files in `log_dir` and to standard error.

    `level`: debug, info, warning or error. `log_dir` None: no files, for short commands beside a running service
    (two processes must not rotate one file). `development`: readable console instead of JSON. A second call
    replaces the first. A folder that can't be written raises nothing: the console takes over, even with
    `console=False`.
    """
    shutdown_logging()
    terminal = _Console(development=development, muted=not console)
    handlers: list[logging.Handler] = [terminal]
    if log_dir is not None:
        handlers.append(_LogFile(log_dir / "combined.log", terminal, logging.NOTSET))
        handlers.append(_LogFile(log_dir / "error.log", terminal, logging.ERROR))
    _Pipeline.active = _Pipeline(level.upper(), handlers)
    _Pipeline.active.start()


def shutdown_logging() -> None:
    """Write what is queued (within 5 seconds), close the files. Harmless when nothing is configured."""
    if _Pipeline.active is not None:
        _Pipeline.active.stop()
        _Pipeline.active = None


def log_hangs() -> bool:
    """Whether the log's disk, or the console, did not come back at the end: Python's own end would wait for it, for ever."""
    return any(writer.is_alive() for writer in _hanging)


def register_secrets(*values: str | None) -> None:
    """Never log these values, wherever they appear: tokens, keys, the database's password."""
    _masker.register(values)


class _Pipeline:
    """One configuration of the process's logging, from the root logger to the files."""

    active: "_Pipeline | None" = None

    def __init__(self, level: str, handlers: list[logging.Handler]) -> None:
        lines: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUE_SIZE)
        self._level = level
        self._lines = lines
        self._handlers = handlers
        self._entrance = _Entrance(lines)
        self._entrance.setFormatter(_json_formatter())
        self._listener = _Listener(lines, handlers)
        self._hooks = (sys.excepthook, threading.excepthook)

    def start(self) -> None:
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.stdlib.PositionalArgumentsFormatter(),
                *_shared_processors(),
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )
        root = logging.getLogger()
        root.setLevel(self._level)
        root.addHandler(self._entrance)
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
            library = logging.getLogger(name)
            library.handlers.clear()
            library.propagate = True
        logging.captureWarnings(capture=True)
        sys.excepthook, threading.excepthook = _log_uncaught, _log_uncaught_in_thread
        self._listener.start()
        atexit.register(self.stop)

    def flush(self) -> None:
        """Wait until all that was logged so far is written."""
        self._lines.join()

    def stop(self) -> None:
        atexit.unregister(self.stop)
        sys.excepthook, threading.excepthook = self._hooks
        logging.captureWarnings(capture=False)
        logging.getLogger().removeHandler(self._entrance)
        structlog.reset_defaults()
        self._listener.stop()
        if self._listener.hangs:
            return  # closing would wait for the same disk
        for handler in self._handlers:
            with suppress(OSError):  # closing flushes, and the disk may be full
                handler.close()


def _shared_processors() -> list[Processor]:
    """What lines of our own and of libraries have in common; all of it in the thread (and task) that logs."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.StackInfoRenderer(),
    ]


def _json_formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[
            _stamp,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _mask,
            _render,
        ],
    )


def _stamp(_logger: object, _method: str, event: EventDict) -> EventDict:
    """The machine's own time, even in a trial with CLOCK: logs are laid beside those of other systems."""
    return {"timestamp": _instant(event["_record"].created), **event}


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _mask(_logger: object, _method: str, event: EventDict) -> EventDict:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return {key: _masker.value(key, value) for key, value in {**first, **event}.items()}


_encode = json.JSONEncoder().encode  # made once; what is masked holds nothing that JSON can't


def _render(_logger: object, _method: str, event: EventDict) -> str:
    return _encode(event)


def _line(record_like: dict[str, str]) -> str:
    return json.dumps({"timestamp": _instant(time.time()), **record_like, "logger": __name__})


def _notice(level: int, event: str, **details: str) -> logging.LogRecord:
    """A finished line about logging itself."""
    text = _line({"level": logging.getLevelName(level).lower(), "event": event, **details})
    return logging.LogRecord(__name__, level, __file__, 0, text, None, None)


class _Entrance(QueueHandler):
    """Renders and masks in the caller's thread, then queues; drops the line rather than wait."""

    def __init__(self, lines: "queue.Queue[logging.LogRecord | None]") -> None:
        super().__init__(lines)
        self._lines = lines
        self._dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            if self._dropped:
                told = f"{self._dropped} log lines were dropped: the log disk is too slow"
                self._lines.put_nowait(_notice(logging.WARNING, told))
                self._dropped = 0
            self._lines.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """The line could not be rendered. Its content is not shown: nothing has masked it."""
        error = type(sys.exc_info()[1]).__name__
        self.enqueue(_notice(record.levelno, "a log line could not be rendered", source=record.name, error=error))


class _Listener(QueueListener):
    """Like its parent, but its end never waits for a disk that hangs."""

    def __init__(self, lines: "queue.Queue[logging.LogRecord | None]", handlers: list[logging.Handler]) -> None:
        super().__init__(lines, *handlers, respect_handler_level=True)
        self._lines = lines
        self._thread: threading.Thread | None = None
        self.hangs = False

    def stop(self) -> None:
        worker, self._thread = self._thread, None
        if worker is None:
            return
        with suppress(queue.Full):
            self._lines.put(None, timeout=FLUSH_SECONDS)  # None is the parent's own sign for the end
        worker.join(FLUSH_SECONDS)
        self.hangs = worker.is_alive()
        _hanging.extend([worker] if self.hangs else [])


class _Console(logging.StreamHandler[TextIO]):
    """Standard error: JSON, or readable lines in development. A muted one speaks once `unmute` was called."""

    def __init__(self, *, development: bool, muted: bool) -> None:
        super().__init__(sys.stderr)
        self._muted = muted
        colors = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        self._readable = structlog.dev.ConsoleRenderer(colors=colors) if development else None

    def unmute(self) -> None:
        """From now on the console is the log."""
        self._muted = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self._muted:
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        line = record.getMessage()
        return line if self._readable is None else str(self._readable(None, "", json.loads(line)))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """A closed terminal: there is nowhere left to say so."""


class _LogFile(RotatingFileHandler):
    """A rotated file that is opened when first needed, and again some time after it failed."""

    def __init__(self, path: Path, terminal: _Console, level: int) -> None:
        super().__init__(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8", delay=True)
        self.setLevel(level)
        self._terminal = terminal
        self._retry_at = 0.0
        self._warned = False

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() >= self._retry_at:
            super().emit(record)

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's own signature
        """Leave the file alone for a while; the console has the line."""
        error = sys.exc_info()[1]
        self._retry_at = time.monotonic() + RETRY_SECONDS
        with suppress(OSError):  # what it still holds can't be written either
            self.close()
        if self._warned:
            return
        self._warned = True
        self._terminal.unmute()
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
        event = f"{self.baseFilename} can't be written ({reason}): the log goes to the console only; see LOG_DIR"
        self._terminal.handle(_notice(logging.WARNING, event))


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _log.critical("uncaught error", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log.critical("uncaught error in a thread", exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
