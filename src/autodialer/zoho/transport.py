"""Requests to the CRM API: authorised, paced, tried again where that is safe, counted.

Most of what is sent here may be sent twice: reads, and updates with absolute values. What may not says so in its ApiCall.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, TypeVar

import httpx2
import structlog

from autodialer.domain.errors import CrmError
from autodialer.ports import Clock, CrmUsage
from autodialer.service.upstreams import Upstream, outage
from autodialer.zoho.answers import INVALID_TOKEN, Answer, UnreadableError, error_for, read_error
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.oauth import Tokens, refused_fresh_token
from autodialer.zoho.slots import Rank, Slots
from autodialer.zoho.wire import Wire

_FIRST_DELAY_SECONDS: Final = 2.0
_LONGEST_DELAY_SECONDS: Final = 60.0
_LONGEST_RETRY_AFTER_SECONDS: Final = 300.0
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_REQUEST_TIMEOUT: Final = 408
_UNAUTHORISED: Final = 401

_NEVER_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request. `credits` it costs; `is_heavy`: it counts in Zoho's pool of 10 heavy requests, so few go at a time.

    `is_repeatable`: sent twice it does what it does once. If not, the first trouble ends it.
    """

    method: str
    path: str
    content: bytes | None = None
    params: Mapping[str, str] | None = None
    credits: int = 1
    is_heavy: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True
    rank: Rank = Rank.LOOK


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why a request may be sent again, and in how many seconds at the earliest."""

    reason: str
    code: str = ""
    retry_after: float = 0.0


class Transport:
    """Sends requests until they are answered, at most `config.tries` times each."""

    def __init__(
        self, config: ZohoConfig, wire: Wire, tokens: Tokens, clock: Clock, upstream: Upstream | None = None
    ) -> None:
        self._base = config.api_domain.rstrip("/")
        self._tries = config.tries
        self._wire = wire
        self._tokens = tokens
        self._clock = clock
        self._slots = Slots(config.concurrency, clock)
        self._heavy_slots = Slots(config.coql_concurrency, clock)
        self._random = random.SystemRandom()
        self._usage = CrmUsage()
        self._upstream = upstream or Upstream(clock)

    @property
    def usage(self) -> CrmUsage:
        """Calls and credits so far, and how many go at a time now."""
        return replace(self._usage, at_a_time=self._slots.limit)

    async def send(self, call: ApiCall, read: Callable[[Answer], T]) -> T:
        """What `read` makes of the answer.

        `read` sees every answer but 401, 429, 3xx and 5xx; where it raises UnreadableError, the request is
        sent again. CrmError: permanent for 401 and redirects, transient when no try was answered. A token
        that expired on the way is renewed once.
        """
        try:
            return await self._send(call, read)
        except CrmError as error:
            self._upstream.fails(error.message)
            raise

    async def _send(self, call: ApiCall, read: Callable[[Answer], T]) -> T:
        renewed = False
        tries = 0
        token = await self._tokens.current()
        while True:
            answer = await self._try(call, token)
            if isinstance(answer, Answer) and answer.status == _UNAUTHORISED:
                if read_error(answer).code != INVALID_TOKEN:
                    raise error_for(answer)
                if renewed:
                    raise refused_fresh_token()
                token = await self._tokens.renew(token)
                renewed = True
                continue
            if isinstance(answer, Answer) and answer.status < _TOO_MANY:
                await self._tokens.prove()
            outcome = self._judge(call, answer, read)
            if not isinstance(outcome, _Trouble):
                return outcome
            tries += 1
            await self._wait_or_give_up(call, outcome, tries)
            token = await self._tokens.current()

    async def _try(self, call: ApiCall, token: str) -> Answer | _Trouble:
        async with AsyncExitStack() as stack:
            if call.is_heavy:
                await stack.enter_async_context(self._heavy_slots.one(call.rank))
            await stack.enter_async_context(self._slots.one(call.rank))
            began, asked = self._clock.monotonic(), self._upstream.ask(_kind(call))
            try:
                answer = await self._wire.send(
                    call.method,
                    f"{self._base}{call.path}",
                    headers=_headers(token, call),
                    params=call.params,
                    content=call.content,
                )
            except (httpx2.HTTPError, TimeoutError, UnreadableError) as problem:
                asked.ends(f"{call.method} {call.path}: {type(problem).__name__}")
                self._count(0 if isinstance(problem, _NEVER_SENT) else call.credits, None)
                return _Trouble(type(problem).__name__)
            asked.ends(_problem(call, answer))
            self._count(0 if answer.status == _TOO_MANY else call.credits, answer)
            return replace(answer, seconds=max(0.0, self._clock.monotonic() - began))

    def _judge(self, call: ApiCall, answer: Answer | _Trouble, read: Callable[[Answer], T]) -> T | _Trouble:
        if isinstance(answer, _Trouble):
            return answer
        if answer.status == _TOO_MANY:
            return _Trouble("429", "TOO_MANY_REQUESTS", self._retry_after(answer))
        if answer.status >= _SERVER_ERROR or answer.status == _REQUEST_TIMEOUT:
            return _Trouble(f"HTTP {answer.status}", read_error(answer).code, self._retry_after(answer))
        if 300 <= answer.status < 400:  # noqa: PLR2004 - redirects
            raise error_for(answer)
        try:
            outcome = read(answer)
        except UnreadableError as problem:
            return _Trouble(f"HTTP {answer.status} that can't be read: {problem}")
        self._slots.succeed()
        if call.is_heavy:
            self._heavy_slots.succeed()
        return outcome

    async def _wait_or_give_up(self, call: ApiCall, trouble: _Trouble, tries: int) -> None:
        ceiling = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** (tries - 1))
        delay = max(trouble.retry_after, self._random.uniform(0, ceiling))
        log.warning(
            "zoho_trouble", method=call.method, path=call.path, reason=trouble.reason, tries=tries, wait=round(delay, 1)
        )
        is_throttled = trouble.reason == "429"
        if is_throttled:
            self._upstream.pauses(min(delay, _LONGEST_RETRY_AFTER_SECONDS))
            for slots in (self._slots, self._heavy_slots):
                slots.throttle(min(delay, _LONGEST_RETRY_AFTER_SECONDS))
        if tries >= self._tries or not call.is_repeatable or trouble.retry_after > _LONGEST_RETRY_AFTER_SECONDS:
            raise CrmError(
                f"Zoho did not serve {call.method} {call.path} in {tries} tries: {trouble.reason}",
                permanent=False,
                code=trouble.code,
            )
        if not is_throttled:
            await self._clock.sleep(delay)

    def _retry_after(self, answer: Answer) -> float:
        """Seconds, from a number or a date; 0 where the header is missing or nonsense."""
        value = answer.headers.get("Retry-After", "").strip()
        if value.isdecimal():
            return float(value)
        try:
            until = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return 0.0
        return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - self._clock.now()).total_seconds())

    def _count(self, credits_used: int, answer: Answer | None) -> None:
        """What may have been charged counts: of a lost answer nobody knows. Zoho says what remains only once half is used."""
        used = self._usage
        used = replace(used, calls=used.calls + 1, credits=used.credits + credits_used)
        if answer is not None:
            left = answer.headers.get("X-API-CREDITS-REMAINING", "").strip()
            if left.isdecimal():
                used = replace(used, credits_remaining=int(left), told_at=self._clock.now())
            elif answer.is_success:
                used = replace(used, credits_remaining=None, told_at=self._clock.now())
            used = replace(used, throttled=used.throttled + (answer.status == _TOO_MANY))
        self._usage = used


def _headers(token: str, call: ApiCall) -> Mapping[str, str]:
    headers = {"Authorization": f"Zoho-oauthtoken {token}", **call.headers}
    return headers | {"Content-Type": "application/json"} if call.content is not None else headers


def _kind(call: ApiCall) -> str:
    """What a request is for, in few words: by them its time is counted."""
    if call.path.endswith("/coql"):
        return "query"
    if "/settings/" in call.path:
        return "metadata"
    return {"PUT": "update", "POST": "create"}.get(call.method, "read")


def _problem(call: ApiCall, answer: Answer) -> str | None:
    """What an answer says against Zoho. That a token has expired says nothing: it is renewed."""
    found = outage(answer.status)
    if found is None or (answer.status == _UNAUTHORISED and read_error(answer).code == INVALID_TOKEN):
        return None
    return f"{call.method} {call.path}: {found} {read_error(answer).code}".rstrip()
