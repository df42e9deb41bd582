"""Zoho CRM as a ports.Crm: metadata, COQL to read, PUT to write."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
import structlog

from autodialer.domain.errors import CrmError
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, WriteResult, Written
from autodialer.ports import Clock, CrmUsage, Finding, Level, TokenStore
from autodialer.zoho import coql, doctor
from autodialer.zoho.answers import Answer, Page, UnreadableError, error_for, read_items, read_page
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.fields import MODULES, FieldMeta, ModuleFields, read_fields, resolve
from autodialer.zoho.mapping import refusal_for, to_body, to_item, to_record, to_result
from autodialer.zoho.oauth import Tokens
from autodialer.zoho.slots import Rank
from autodialer.zoho.transport import ApiCall, Transport
from autodialer.zoho.wire import Wire

LOOK_SIZE: Final = coql.MAX_LIST
BATCH_SIZE: Final = 10  # one credit, and not among Zoho's heavy requests
BACKLOG_BATCH_SIZE: Final = 100
BACKLOG: Final = 200

T = TypeVar("T")

log = structlog.get_logger(__name__)


class ZohoCrm:
    """The adapter. SettingsError when the hosts or the trigger can't be used. Close it with `aclose`."""

    def __init__(self, config: ZohoConfig, tokens: TokenStore, clock: Clock) -> None:
        self._config = config
        self._wire = Wire(config)
        self._tokens = Tokens(config, self._wire, tokens, clock)
        self._transport = Transport(config, self._wire, self._tokens, clock)
        self._fields: dict[RecordType, ModuleFields] = {}
        self._preparing = asyncio.Lock()
        self.unreadable_rows = 0

    @property
    def usage(self) -> CrmUsage:
        return self._transport.usage

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    async def prepare(self) -> None:
        """Read the metadata of both modules anew. CrmError names every field that is missing or unfit."""
        resolved = await side_by_side([self._resolve(record_type) for record_type in RecordType])
        problems = [
            f"{finding.subject}: {finding.message} ({finding.remedy})"
            for _, findings in resolved
            for finding in findings
            if finding.level is Level.PROBLEM
        ]
        if problems:
            raise CrmError("; ".join(problems), permanent=True, code="FIELDS", stops_run=True)
        self._fields = {fields.record_type: fields for fields, _ in resolved if fields is not None}

    async def pull(self, record_type: RecordType, after: str = "") -> AsyncIterator[Sequence[Record]]:
        """All records whose status is New or No Answer, each once, in pages of up to 2000, by id.

        Pages follow the last id seen, so records that change meanwhile shift nothing. An unreadable row is
        counted and logged. CrmError ends the pull.
        """
        fields = await self._fields_of(record_type)
        wanted = coql.one_of(fields.status, fields.stored)
        last = int(after) if after else None
        while True:
            where = wanted if last is None else coql.all_of([wanted, coql.after_id(str(last))])
            page = await self._query(coql.select(fields.columns, fields.module, where), coql.MAX_ROWS, Rank.PAGE)
            records = sorted(
                (record for record in self._records(page, fields) if _follows(record, last)),
                key=lambda record: int(record.key.zoho_id),
            )
            if records:
                yield records
            if page.is_last(coql.MAX_ROWS):
                return
            if not records:
                raise CrmError(f"{fields.module}: a page without a valid id; can't go on", permanent=False)
            last = int(records[-1].key.zoho_id)

    async def look(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        """The records as they are now, 50 a query, side by side. CrmError when any query fails."""
        chunks = [
            self._look_up(record_type, ids[at : at + LOOK_SIZE])
            for record_type, ids in _ids_by_type(keys).items()
            for at in range(0, len(ids), LOOK_SIZE)
        ]
        return {record.key: record for found in await side_by_side(chunks) for record in found}

    async def write(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        """Write in batches of 10, or of 100 when a backlog waits.

        A batch that could not be sent leaves NotWritten to be retried for its updates, unless none could be
        sent or nothing will do: that is a CrmError.
        """
        results: list[WriteResult] = [Written()] * len(updates)
        size = BACKLOG_BATCH_SIZE if len(updates) > BACKLOG else BATCH_SIZE
        batches = [places[at : at + size] for places in _places_by_type(updates) for at in range(0, len(places), size)]
        outcomes = await side_by_side([self._try_batch([updates[i] for i in places]) for places in batches])
        failures = [outcome for outcome in outcomes if isinstance(outcome, CrmError)]
        for failure in failures:
            if failure.stops_run or len(failures) == len(batches):
                raise failure
        for places, outcome in zip(batches, outcomes, strict=True):
            found = [_retry_later(outcome)] * len(places) if isinstance(outcome, CrmError) else outcome
            for place, result in zip(places, found, strict=True):
                results[place] = result
        return results

    async def check(self) -> Sequence[Finding]:
        """Token, fields, rights, picklists, a query, statuses nobody knows, credits. Never raises CrmError."""
        return await doctor.check(self._tokens, self._resolve, self._rows, lambda: self.usage)

    async def _fields_of(self, record_type: RecordType) -> ModuleFields:
        async with self._preparing:
            if record_type not in self._fields:
                await self.prepare()
        return self._fields[record_type]

    async def _resolve(self, record_type: RecordType) -> tuple[ModuleFields | None, list[Finding]]:
        call = ApiCall("GET", "/crm/v8/settings/fields", params={"module": MODULES[record_type]})
        metas: list[FieldMeta] = await self._transport.send(call, read_fields)
        return resolve(record_type, metas, self._config)

    async def _query(self, query: str, limit: int, rank: Rank = Rank.LOOK) -> Page:
        call = ApiCall(
            "POST",
            "/crm/v8/coql",
            content=msgspec.json.encode({"select_query": query}),
            credits=query_credits(limit),
            is_heavy=True,
            rank=rank,
        )
        return await self._transport.send(call, read_page)

    async def _rows(self, fields: ModuleFields, where: coql.Criterion) -> list[Any]:
        """The first rows, for `doctor`."""
        return (await self._query(coql.select(("id", fields.status), fields.module, where, limit=200), 200)).data

    async def _look_up(self, record_type: RecordType, zoho_ids: Sequence[str]) -> list[Record]:
        fields = await self._fields_of(record_type)
        query = coql.select(fields.columns, fields.module, coql.has_id(zoho_ids), limit=len(zoho_ids))
        return self._records(await self._query(query, len(zoho_ids)), fields)

    def _records(self, page: Page, fields: ModuleFields) -> list[Record]:
        found = [to_record(row, fields, self._config) for row in page.data]
        records = [record for record in found if record is not None]
        unreadable = len(found) - len(records)
        if unreadable:
            self.unreadable_rows += unreadable
            log.error("zoho_rows_unreadable", module=fields.module, count=unreadable)
        return records

    async def _try_batch(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult] | CrmError:
        """The results, or why there are none. A batch refused as a whole is sent one by one."""
        try:
            return await self._put(updates)
        except CrmError as error:
            if not _is_about_the_body(error):
                return error
            if len(updates) == 1:
                return [NotWritten(error.code, error.message, refusal_for(error.code))]
        log.warning("zoho_batch_refused", count=len(updates))
        singles = [await self._try_batch([update]) for update in updates]
        return [_retry_later(s) if isinstance(s, CrmError) else s[0] for s in singles]

    async def _put(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        fields = await self._fields_of(updates[0].key.record_type)
        items = [to_item(update, fields) for update in updates]
        call = ApiCall(
            "PUT",
            f"/crm/v8/{fields.module}",
            content=to_body(items, self._config.trigger),
            credits=-(-len(items) // 10),
            is_heavy=len(items) > BATCH_SIZE,
            rank=Rank.WRITE,
        )
        return await self._transport.send(call, lambda answer: read_results(answer, len(items)))


def read_results(answer: Answer, count: int) -> list[WriteResult]:
    """One result for each of `count` records, by place: error items often carry no id.

    The status is not asked: 200, 207, 400 and 412 all carry items. CrmError for a refusal as a whole.
    """
    items = read_items(answer)
    if answer.status in (401, 403) or (items is None and not answer.is_success):
        raise error_for(answer)
    if items is None:
        raise UnreadableError("no items")
    return [to_result(items[place] if place < len(items) else None) for place in range(count)]


def query_credits(limit: int) -> int:
    """What a query costs: 1 up to 200 rows, 2 up to 1000, 3 up to 2000 (page "COQL Overview")."""
    return 1 if limit <= 200 else 2 if limit <= 1000 else 3  # noqa: PLR2004 - Zoho's steps


async def side_by_side(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order. The first CrmError ends the rest and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed
    return [task.result() for task in tasks]


def _follows(record: Record, last: int | None) -> bool:
    return last is None or int(record.key.zoho_id) > last


def _ids_by_type(keys: Sequence[RecordKey]) -> dict[RecordType, list[str]]:
    ids: dict[RecordType, list[str]] = {}
    for key in dict.fromkeys(keys):
        if coql.is_id(key.zoho_id):
            ids.setdefault(key.record_type, []).append(key.zoho_id)
    return ids


def _places_by_type(updates: Sequence[CrmUpdate]) -> list[list[int]]:
    """Where the updates of each module stand; those that change nothing are left out."""
    places: dict[RecordType, list[int]] = {}
    for place, update in enumerate(updates):
        if (update.status, update.call_attempts, update.first_no_answer_at) != (None, None, None):
            places.setdefault(update.key.record_type, []).append(place)
    return list(places.values())


def _retry_later(error: CrmError) -> NotWritten:
    return NotWritten(error.code, error.message, Refusal.RETRY)


def _is_about_the_body(error: CrmError) -> bool:
    """Whether Zoho refused the batch as it is, so that each record alone may fare better."""
    return error.permanent and refusal_for(error.code) is not Refusal.STOP and error.code in _BODY_CODES


_BODY_CODES: Final = frozenset({"INVALID_DATA", "LIMIT_EXCEEDED", "MANDATORY_NOT_FOUND", "HTTP 400", "HTTP 413"})
