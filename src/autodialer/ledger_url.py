"""DATABASE_URL as hosters and libpq write it, made into what SQLAlchemy takes. Nothing here ever shows a password."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

_SQLITE = "sqlite:///"
_POSTGRES = ("postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg")
_DRIVER = "postgresql+psycopg"
_OTHERS = ("mysql", "mariadb", "mssql", "oracle", "mongodb", "redis", "cockroachdb", "sqlserver", "db2")
FORM = (
    "DATABASE_URL must be postgresql://USER:PASSWORD@HOST:PORT/NAME (percent-encode special characters; several hosts: "
    "HOST:PORT,HOST:PORT) or sqlite:///PATH"
)
_PORTS = range(1, 65536)
# urlsplit refuses an IPv6 address beside another host, in some versions of Python.
_URL = re.compile(r"[^:/?#]+://(?P<netloc>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?", re.DOTALL)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\[\]:]*)(?::[0-9]+)?")


class _Parts(NamedTuple):
    netloc: str
    path: str
    query: str


def _split(url: str) -> _Parts:
    found = _URL.fullmatch(url)
    return _Parts(found["netloc"], found["path"], found["query"] or "") if found else _Parts("", "", "")


def problem_of(url: str) -> str | None:
    """One sentence on what is wrong with it; None when it can be used."""
    scheme, colon, _ = url.partition("://")
    scheme = scheme.lower()
    if colon and scheme.split("+")[0] in _OTHERS:
        return f"DATABASE_URL names {scheme}, which autodialer can't use: take PostgreSQL or SQLite. {FORM}"
    if url.startswith(_SQLITE):
        return None if not url.endswith((":///", ":memory:")) else FORM
    if not colon or scheme not in _POSTGRES:
        return FORM
    parts = _split(url)
    if not all(map(_is_fine, _hosts(parts.netloc))) or parts.netloc.count("@") > 1:
        return FORM
    if parts.path in ("", "/") and "dbname" not in dict(parse_qsl(parts.query)):
        return f"DATABASE_URL names no database. {FORM}"
    return None


def for_sqlalchemy(url: str) -> str:
    """The same with the driver named, and several hosts as the driver wants them. To be called when there is no problem."""
    if url.startswith(_SQLITE):
        return url
    parts = _split(url)
    user, at, _ = parts.netloc.rpartition("@")
    hosts = _hosts(parts.netloc)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if len(hosts) == 1:
        netloc = parts.netloc
    else:
        netloc = f"{user}{at}"
        names, ports = zip(*map(_host_and_port, hosts), strict=True)
        query = [("host", ",".join(names)), ("port", ",".join(ports)), *query]
    said = f"?{urlencode(query, quote_via=quote)}" if query else ""
    return f"{_DRIVER}://{netloc}{parts.path or '/'}{said}"


def password_of(url: str) -> str | None:
    """As it is sent, for the masking of logs."""
    user, at, _ = _split(url).netloc.rpartition("@") if "://" in url else ("", "", "")
    _, colon, password = user.partition(":")
    return unquote(password) if at and colon and password else None


def _hosts(netloc: str) -> list[str]:
    return netloc.rpartition("@")[2].split(",")


def _host_and_port(host: str) -> tuple[str, str]:
    name, port = (host, "") if host.endswith("]") or ":" not in host else host.rsplit(":", 1)
    return name.strip("[]"), port or "5432"


def _is_fine(host: str) -> bool:
    return _HOST.fullmatch(host) is not None and int(_host_and_port(host)[1]) in _PORTS
