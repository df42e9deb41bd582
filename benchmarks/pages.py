"""Pages of a COQL answer as Zoho gives them, and the service's own client that reads them from memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast

import httpx2

from autodialer.domain.record import RecordType
from autodialer.ports import TokenStore
from autodialer.simulators.people import Person, population, zoho_id
from autodialer.simulators.zoho import create_app
from autodialer.simulators.zoho_tokens import Credentials
from autodialer.zoho.answers import Answer
from autodialer.zoho.client import ZohoCrm
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.transport import ApiCall

T = TypeVar("T")
PAGE: Final = 2000
NOW: Final = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
_FIRST_ID: Final = 4_150_868
_HOST: Final = "http://127.0.0.1"


class StandingClock:
    """ports.Clock: always the same moment."""

    def now(self) -> datetime:
        """NOW."""
        return NOW

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return NOW.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Nobody waits here."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What Zoho said: the fields of each module, and a whole page of 2,000 Leads who are New or No Answer."""

    fields: Mapping[str, bytes]
    page: bytes

    def pages(self, count: int) -> Iterator[bytes]:
        """So many pages, of other people each, by id; every one says that more follow, the last one says that none does."""
        before = str(_FIRST_ID).encode()
        more, none = b'"more_records":true', b'"more_records":false'
        same = self.page.replace(more, none)
        for number in range(1, count + 1):
            page = self.page if number < count else same
            yield page.replace(b'"id":"' + before, b'"id":"%d' % (_FIRST_ID + number))


class Reader:
    """In the place of zoho.transport.Transport: answers from memory."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.pages: Iterator[bytes] = iter(())

    async def send(self, call: ApiCall, read: Callable[[Answer], T]) -> T:
        """The metadata, else the next page."""
        body = self._answers.fields[(call.params or {})["module"]] if call.method == "GET" else next(self.pages)
        return read(Answer(200, {}, body))


def client_over(transport: object) -> ZohoCrm:
    """The service's client, from whose way everything but the network is left."""
    crm = ZohoCrm(_config(), cast(TokenStore, None), StandingClock())
    crm._transport = cast(Any, transport)  # noqa: SLF001 - where the network would begin
    return crm


async def records_of(crm: ZohoCrm) -> AsyncIterator[Any]:
    """All pages of Leads."""
    async for page in crm.pull(RecordType.LEAD):
        yield page


def zoho_answers() -> Answers:
    """Asked of the simulated Zoho, in the client's own words."""
    return asyncio.run(_ask())


async def _ask() -> Answers:
    everybody = [one for one in population(7, 6 * PAGE, NOW) if one.module == "Leads"][: 3 * PAGE]
    app = create_app([_numbered(person, index) for index, person in enumerate(everybody)])
    fields: dict[str, bytes] = {}
    pages: list[bytes] = []
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=_HOST) as client:
        known = Credentials()
        form = {"grant_type": "refresh_token", "client_id": known.client_id, "client_secret": known.client_secret}
        token = await client.post("/oauth/v2/token", data={**form, "refresh_token": known.refresh_token})
        client.headers["authorization"] = f"Zoho-oauthtoken {token.json()['access_token']}"

        class Asking:
            async def send(self, call: ApiCall, read: Callable[[Answer], T]) -> T:
                reply = await client.request(
                    call.method, call.path, params=dict(call.params or {}), content=call.content
                )
                if call.method == "GET":
                    fields[(call.params or {})["module"]] = reply.content
                else:
                    pages.append(reply.content)
                return read(Answer(reply.status_code, dict(reply.headers), reply.content))

        async for _ in records_of(client_over(Asking())):
            break
    return Answers(fields, *pages)


def _numbered(person: Person, index: int) -> Person:
    values = {name: getattr(person, name) for name in Person.__slots__}
    return Person(
        **{**values, "zoho_id": zoho_id("Leads", index), "created_time": NOW - timedelta(days=6, seconds=index)}
    )


def _config() -> ZohoConfig:
    known = Credentials()
    return ZohoConfig(
        client_id=known.client_id,
        client_secret=known.client_secret,
        refresh_token=known.refresh_token,
        api_domain=_HOST,
        accounts_url=_HOST,
    )
