"""Asks 8x8 for its call log: a job, its file, its rows (8x8 page "Reporting API"). Rings nobody, changes nothing."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from autodialer.domain.errors import TelephonyError
from autodialer.domain.result import LoggedCall
from autodialer.eightx8.call_log import read_log
from autodialer.eightx8.classify import Reply
from autodialer.eightx8.config import VoiceConfig
from autodialer.eightx8.http import Exchange, NoReplyError
from autodialer.eightx8.words import as_text, plain
from autodialer.ports import Clock

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 15.0
_MOST_FILES = 20
_PENDING = ("queued", "running")
_REMEDIES: Mapping[int, str] = {
    401: "Check EIGHTX8_API_KEY.",
    403: "Ask 8x8 whether this key may export call logs.",
    404: "Check EIGHTX8_SUBACCOUNT_ID and EIGHTX8_EXPORT_URL.",
}


async def logged_calls(
    config: VoiceConfig, exchange: Exchange, clock: Clock, since: datetime, until: datetime
) -> list[LoggedCall]:
    """Export the log of that time and read it. TelephonyError when 8x8 doesn't give it, in time and whole."""
    try:
        async with asyncio.timeout(config.export_timeout):
            job_url = await _start(config, exchange, since, until)
            links = await _links(config, exchange, clock, job_url)
            files: list[bytes] = []
            for link in links:
                files.append(await _file(config, exchange, link, config.max_export_bytes - sum(map(len, files))))
            return await asyncio.to_thread(read_log, files, asks=config.is_press1)
    except TimeoutError as error:
        raise _failed(f"it took more than {config.export_timeout:g} seconds", permanent=False) from error


async def _start(config: VoiceConfig, exchange: Exchange, since: datetime, until: datetime) -> str:
    order = {"from": _second(since), "to": _second(until), "limit": 0}
    reply = await _ask(exchange, "POST", config.exports_url, order)
    job_id = as_text(reply.body.get("jobId")) if isinstance(reply.body, Mapping) else None
    if reply.status >= 300 or reply.status < 200 or job_id is None:  # noqa: PLR2004 - HTTP's success
        raise _refused(reply)
    return f"{config.exports_url}/{quote(job_id, safe='')}"


async def _links(config: VoiceConfig, exchange: Exchange, clock: Clock, job_url: str) -> list[str]:
    """Poll the job until its files are there; a poll that fails for the moment is only one more wait."""
    waited, wait = 0.0, _FIRST_WAIT
    while waited < config.export_patience:
        await clock.sleep(wait)
        waited, wait = waited + wait, min(wait * 1.5, _LONGEST_WAIT)
        with suppress(NoReplyError):
            reply = await exchange.send("GET", job_url, kind="log")
            if 400 <= reply.status < 500 and reply.status not in (408, 429):  # noqa: PLR2004 - the client errors of HTTP
                raise _refused(reply)
            body = reply.body if isinstance(reply.body, Mapping) and reply.status < 300 else {}  # noqa: PLR2004 - success
            status = str(body.get("status", _PENDING[0])).strip().lower()
            if status == "empty":
                return []
            if status == "succeeded":
                return _checked_links(config, body.get("data"))
            if status not in _PENDING:
                raise _failed(f"the export ended as {plain(status)!r}", permanent=False)
    with suppress(NoReplyError):
        await exchange.send("DELETE", job_url, kind="log")
    raise _failed(f"the export was not ready after {config.export_patience:g} seconds", permanent=False)


def _checked_links(config: VoiceConfig, data: object) -> list[str]:
    links = [data] if isinstance(data, str) else data
    if not isinstance(links, list) or not 1 <= len(links) <= _MOST_FILES:
        raise _failed("its answer names no files", permanent=False)
    secure = urlsplit(config.exports_url).scheme == "https"
    for link in links:
        scheme = _scheme(link)
        if scheme != "https" and (secure or scheme != "http"):
            raise _failed("its answer names a file that is at no https address", permanent=True)
    return links


def _scheme(link: object) -> str:
    try:
        return urlsplit(link).scheme if isinstance(link, str) else ""
    except ValueError:
        return ""


async def _file(config: VoiceConfig, exchange: Exchange, link: str, limit: int) -> bytes:
    """The key is shown to nobody but the host that was asked for the export."""
    ours, theirs = urlsplit(config.exports_url), urlsplit(link)
    same_host = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
    try:
        return await exchange.download(link, authorised=same_host, limit=limit)
    except NoReplyError as error:
        raise _failed(f"its file can't be had ({error.reason})", permanent=False) from error


async def _ask(exchange: Exchange, method: str, url: str, body: Mapping[str, object]) -> Reply:
    try:
        return await exchange.send(method, url, body, kind="log")
    except NoReplyError as error:
        raise _failed(f"8x8 could not be reached ({error.reason})", permanent=False) from error


def _refused(reply: Reply) -> TelephonyError:
    body = reply.body if isinstance(reply.body, Mapping) else {}
    said = plain(body.get("message") or body.get("statusMessage"))
    remedy = _REMEDIES.get(reply.status, "")
    permanent = 400 <= reply.status < 500 and reply.status not in (408, 429)  # noqa: PLR2004 - the client errors of HTTP
    return _failed(f"HTTP {reply.status}{f': {said}' if said else ''}", permanent=permanent, remedy=remedy)


def _failed(why: str, *, permanent: bool, remedy: str = "") -> TelephonyError:
    known = f"{remedy} " if remedy else ""
    return TelephonyError(
        f"8x8's call log was not exported: {why}. {known}Unknown calls stay unknown meanwhile; it is tried again.",
        permanent=permanent,
    )


def _second(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
