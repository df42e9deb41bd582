"""Zoho CRM as a ports.Crm: metadata, COQL to read, PUT to write."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import msgspec
import structlog

from autodialer.domain.errors import CrmError
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.domain.update import CrmUpdate, WriteResult
from autodialer.ports import Clock, CrmUsage, Finding, TokenStore
from autodialer.ports.outside import LOOKED_AT_TOGETHER
from autodialer.service.gathering import gather_or_cancel
from autodialer.service.upstreams import Upstream
from autodialer.zoho import coql, doctor
from autodialer.zoho.activities import ZohoActivities
from autodialer.zoho.answers import Answer, read_page
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.datacentres import record_page
from autodialer.zoho.fields import MODULES, FieldMeta, ModuleFields, read_fields
from autodialer.zoho.freshness import changed_just_now, read_at
from autodialer.zoho.known_fields import KnownFields
from autodialer.zoho.oauth import Tokens
from autodialer.zoho.rows import RowPage, read_rows, to_records
from autodialer.zoho.slots import Rank
from autodialer.zoho.transport import ApiCall, Transport
from autodialer.zoho.wire import Wire
from autodialer.zoho.writing import Writer

T = TypeVar("T")

log = structlog.get_logger(__name__)


class ZohoCrm:
    """The adapter. SettingsError when the hosts or the trigger can't be used. Close it with `aclose`."""

    def __init__(self, config: ZohoConfig, tokens: TokenStore, clock: Clock, upstream: Upstream | None = None) -> None:
        self._config = config
        self._wire = Wire(config)
        self._upstream = upstream = upstream or Upstream(clock)
        self._tokens = Tokens(config, self._wire, tokens, clock, upstream)
        self._clock = clock
        self._transport = Transport(config, self._wire, self._tokens, clock, upstream)
        self._known = KnownFields(config, self._read_fields)
        self._writer = Writer(config, self._transport, self._known.of)
        self.unreadable_rows = 0

    @property
    def activities(self) -> ZohoActivities:
        """Notes and Calls in the same organisation, over the same connections."""
        return ZohoActivities(self._config, self._transport)

    @property
    def usage(self) -> CrmUsage:
        return self._transport.usage

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    async def prepare(self) -> None:
        """Read the metadata of both modules anew. CrmError names every field that is missing or unfit."""
        await self._known.prepare()

    async def pull(self, record_type: RecordType, after: str = "") -> AsyncIterator[Sequence[Record]]:
        """All records whose status is New or No Answer, each once, in pages of up to 2000, by id.

        Pages follow the last id seen, so records that change meanwhile shift nothing. An unreadable row is
        counted and logged. CrmError ends the pull.
        """
        last = int(after) if after else None
        while True:
            ask = partial(self._people, limit=coql.MAX_ROWS, rank=Rank.PAGE)
            page, fields = await self._known.ask(record_type, partial(_pull_query, last), ask)
            records = _following(self._records(page, fields), last)
            if records:
                yield records
            if page.is_last(coql.MAX_ROWS):
                return
            if not records:
                raise CrmError(f"{fields.module}: a page without a valid id; can't go on", permanent=False)
            last = _place(records[-1])

    async def look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        """The records as they are now, 50 a query, side by side. CrmError when any query fails."""
        chunks = [
            self._look_up(record_type, ids[at : at + LOOKED_AT_TOGETHER])
            for record_type, ids in _ids_by_type(keys).items()
            for at in range(0, len(ids), LOOKED_AT_TOGETHER)
        ]
        return {record.key: record for found in await gather_or_cancel(chunks) for record in found}

    async def find_named(self, words: Sequence[str], limit: int) -> Sequence[Record]:
        """One query of each module. ValueError for words that coql.contains does not take."""
        return await self._find(partial(_named, words), limit)

    async def find_numbered(self, spellings: Sequence[str], limit: int) -> Sequence[Record]:
        """One query of each module."""
        return await self._find(partial(_numbered, spellings), limit)

    def page_of(self, key: RecordKey) -> str | None:
        """As the CRM's own address bar has it, without the organisation, which it adds by itself."""
        return record_page(self._config.api_domain, MODULES[key.record_type], key.zoho_id)

    async def _find(self, where: Callable[[ModuleFields], coql.Criterion | None], limit: int) -> list[Record]:
        found = await gather_or_cancel([self._find_in(record_type, where, limit) for record_type in RecordType])
        return [record for records in found for record in records]

    async def _find_in(
        self, record_type: RecordType, where: Callable[[ModuleFields], coql.Criterion | None], limit: int
    ) -> list[Record]:
        def query(fields: ModuleFields) -> str:
            criterion = where(fields)
            if criterion is None:
                raise CrmError(f"{fields.module} has no such field to search in", permanent=True)
            return coql.select(fields.columns, fields.module, criterion, limit=limit)

        if where(await self._known.of(record_type)) is None:
            return []
        page, fields = await self._known.ask(record_type, query, partial(self._people, limit=limit))
        return self._records(page, fields)

    async def write(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        """See Writer.write. Where Zoho refused a value in a field of ours, the fields are looked at again."""
        return await self._known.doubt(updates, await self._writer.write(updates))

    async def check(self) -> Sequence[Finding]:
        """Token, fields, rights, picklists, a query, statuses nobody knows, credits. Never raises CrmError."""
        return await doctor.check(
            self._tokens,
            self._known.resolve,
            self._rows,
            lambda: self.usage,
            self._config.log_calls,
            self._upstream,
        )

    async def _read_fields(self, record_type: RecordType) -> Sequence[FieldMeta]:
        call = ApiCall("GET", "/crm/v8/settings/fields", params={"module": MODULES[record_type]})
        return await self._transport.send(call, read_fields)

    async def _people(self, query: str, fields: ModuleFields, limit: int, rank: Rank = Rank.LOOK) -> RowPage:
        return await self._ask(query, limit, partial(read_rows, fields), rank)

    async def _ask(self, query: str, limit: int, read: Callable[[Answer], T], rank: Rank = Rank.LOOK) -> T:
        call = ApiCall(
            "POST",
            "/crm/v8/coql",
            content=msgspec.json.encode({"select_query": query}),
            credits=query_credits(limit),
            is_heavy=True,
            rank=rank,
        )
        return await self._transport.send(call, read)

    async def _rows(self, fields: ModuleFields, where: coql.Criterion) -> list[Any]:
        """The first rows, for `doctor`."""
        query = coql.select(("id", fields.status), fields.module, where, limit=200)
        return (await self._ask(query, 200, read_page)).data

    async def _look_up(self, record_type: RecordType, zoho_ids: Sequence[str]) -> list[Record]:
        moment = self._clock.now()

        async def ask(query: str, fields: ModuleFields) -> RowPage:
            nonlocal moment
            page, moment = await self._ask(query, len(zoho_ids), partial(self._read_with_time, fields))
            return page

        page, fields = await self._known.ask(record_type, partial(_look_query, zoho_ids), ask)
        return [
            msgspec.structs.replace(record, changed_just_now=changed_just_now(record.modified_time, moment))
            for record in self._records(page, fields)
        ]

    def _read_with_time(self, fields: ModuleFields, answer: Answer) -> tuple[RowPage, datetime]:
        return read_rows(fields, answer), read_at(answer, self._clock.now())

    def _records(self, page: RowPage, fields: ModuleFields) -> list[Record]:
        records = to_records(page.data, fields, self._config)
        unreadable = len(page.data) - len(records)
        if unreadable:
            self.unreadable_rows += unreadable
            log.error("zoho_rows_unreadable", module=fields.module, count=unreadable)
        return records


def query_credits(limit: int) -> int:
    """What a query costs: 1 up to 200 rows, 2 up to 1000, 3 up to 2000 (page "COQL Overview")."""
    return 1 if limit <= 200 else 2 if limit <= 1000 else 3  # noqa: PLR2004 - Zoho's steps


def _pull_query(last: int | None, fields: ModuleFields) -> str:
    wanted = coql.one_of(fields.status, fields.stored)
    where = wanted if last is None else coql.all_of([wanted, coql.after_id(str(last))])
    return coql.select(fields.columns, fields.module, where)


def _look_query(zoho_ids: Sequence[str], fields: ModuleFields) -> str:
    return coql.select(fields.columns, fields.module, coql.has_id(zoho_ids), limit=len(zoho_ids))


def _named(words: Sequence[str], fields: ModuleFields) -> coql.Criterion | None:
    """Each word in one of the fields that make up the name."""
    if not fields.names:
        return None
    return coql.all_of([coql.any_of([coql.contains(name, word) for name in fields.names]) for word in words])


def _numbered(spellings: Sequence[str], fields: ModuleFields) -> coql.Criterion | None:
    columns = [name for name in (fields.phone, fields.mobile) if name is not None]
    return coql.any_of([coql.one_of(name, spellings) for name in columns]) if columns else None


def _following(records: list[Record], last: int | None) -> list[Record]:
    """Those after `last`, in the order of their ids, whatever Zoho's is."""
    records.sort(key=_place)
    if last is None or not records or _place(records[0]) > last:
        return records
    return [record for record in records if _place(record) > last]


def _place(record: Record) -> int:
    return int(record.key.zoho_id)


def _ids_by_type(keys: Sequence[RecordKey]) -> dict[RecordType, list[str]]:
    ids: dict[RecordType, list[str]] = {}
    for key in dict.fromkeys(keys):
        if coql.is_id(key.zoho_id):
            ids.setdefault(key.record_type, []).append(key.zoho_id)
    return ids
