"""The fields as they were last read, and when to doubt them: an administrator may rename things while the service runs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from autodialer.domain.errors import CrmError
from autodialer.domain.record import RecordType
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, WriteResult
from autodialer.ports import Finding, Level
from autodialer.service.gathering import gather_or_cancel
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.fields import FieldMeta, ModuleFields, squash_value
from autodialer.zoho.resolving import resolve
from autodialer.zoho.rows import RowPage

FIELDS: Final = "FIELDS"
_UNKNOWN_COLUMN: Final = "INVALID_QUERY"
_REFUSED_VALUE: Final = "INVALID_DATA"

Ask = Callable[[str, ModuleFields], Awaitable[RowPage]]
"""Sends a query for people, and reads the answer by these fields."""

log = structlog.get_logger(__name__)


class KnownFields:
    """Reads the metadata with `read`, keeps what they come to, and reads them again when an answer does not fit."""

    def __init__(self, config: ZohoConfig, read: Callable[[RecordType], Awaitable[Sequence[FieldMeta]]]) -> None:
        self._config = config
        self._read = read
        self._fields: dict[RecordType, ModuleFields] = {}
        self._held: dict[RecordType, str] = {}
        self._strange: set[tuple[RecordType, str]] = set()
        self._readings = 0
        self._is_stale = False
        self._preparing = asyncio.Lock()

    async def resolve(self, record_type: RecordType) -> tuple[ModuleFields | None, list[Finding]]:
        """The fields of one module as the metadata are this moment, and what was found out on the way."""
        return resolve(record_type, await self._read(record_type), self._config, self._held.get(record_type))

    async def prepare(self) -> None:
        """Read the metadata of both modules anew. CrmError names every field that is missing or unfit.

        What was known of a module that is unfit or hidden is forgotten: a status that was renamed must not be written by its old
        name. The other one's can be used. Where Zoho does not answer, the metadata are read before they are needed next.
        """
        try:
            resolved = await gather_or_cancel([self._resolve_or_refusal(record_type) for record_type in RecordType])
        except CrmError:
            self._is_stale = True
            raise
        self._is_stale = False
        self._readings += 1
        problems: list[str] = []
        refusals: list[CrmError] = []
        for record_type, found in zip(RecordType, resolved, strict=True):
            if isinstance(found, CrmError):
                self._keep(record_type, None)
                refusals.append(found)
                continue
            fields, findings = found
            self._keep(record_type, fields)
            wrong = [finding for finding in findings if finding.level is Level.PROBLEM]
            problems += [f"{finding.subject}: {finding.message} ({finding.remedy})" for finding in wrong]
        if refusals:
            raise refusals[0]
        if problems:
            raise CrmError("; ".join(problems), permanent=True, code=FIELDS, stops_run=True)

    async def _resolve_or_refusal(
        self, record_type: RecordType
    ) -> tuple[ModuleFields | None, list[Finding]] | CrmError:
        try:
            return await self.resolve(record_type)
        except CrmError as error:
            if not error.permanent:
                raise
            return error

    async def of(self, record_type: RecordType) -> ModuleFields:
        """As last read; read now where they are not known."""
        async with self._preparing:
            if self._is_stale or record_type not in self._fields:
                await self.prepare()
            return self._fields[record_type]

    async def ask(
        self, record_type: RecordType, query: Callable[[ModuleFields], str], send: Ask
    ) -> tuple[RowPage, ModuleFields]:
        """A page, and the fields to read it by.

        A column that Zoho no longer knows, or a status that its picklist did not hold: then the metadata are read anew, and if
        they have changed, the question is asked once more. CrmError when they have changed so that nobody may be called.
        """
        fields, reading = await self.of(record_type), self._readings
        try:
            page = await send(query(fields), fields)
        except CrmError as error:
            if error.code != _UNKNOWN_COLUMN or (now := await self._anew(fields, reading)) == fields:
                raise
            return await send(query(now), now), now
        strange = {(record_type, status) for status in _strange_statuses(page, fields)} - self._strange
        if not strange:
            return page, fields
        self._strange |= strange  # asked about once: a record may hold such a status for good
        try:
            now = await self._anew(fields, reading)
        except CrmError as error:
            if error.permanent:
                raise
            self._is_stale = False  # what was known does for the rest of the records
            return page, fields
        return (page, fields) if now == fields else (await send(query(now), now), now)

    async def doubt(self, updates: Sequence[CrmUpdate], results: Sequence[WriteResult]) -> Sequence[WriteResult]:
        """Where Zoho refused what stood in a field of ours, its value was bad, or the field is another one by now.

        In that case the update is not at fault, and is to be tried again.
        """
        judged = list(results)
        for record_type, used in list(self._fields.items()):
            mine = [place for place, update in enumerate(updates) if update.key.record_type is record_type]
            refused = [place for place in mine if _blames_a_field(results[place], used)]
            if refused and (later := await self._changed(used)) is not None:
                for place in refused:
                    judged[place] = later
        return judged

    async def _changed(self, used: ModuleFields) -> NotWritten | None:
        try:
            if await self._anew(used, self._readings) == used:
                return None
        except CrmError as error:
            return NotWritten(error.code, error.message, Refusal.STOP if error.permanent else Refusal.RETRY)
        return NotWritten(FIELDS, "Zoho's fields have changed since they were read", Refusal.RETRY)

    async def _anew(self, used: ModuleFields, reading: int) -> ModuleFields:
        """The fields after an answer that does not fit those `used`; `reading` says how old these are."""
        async with self._preparing:
            if self._readings == reading:
                log.warning("zoho_fields_doubted", module=used.module)
                await self.prepare()
        return await self.of(used.record_type)

    def _keep(self, record_type: RecordType, fields: ModuleFields | None) -> None:
        before = self._fields.pop(record_type, None)
        if fields is None:
            return
        if before not in (None, fields):
            log.warning("zoho_fields_changed", module=fields.module, status=fields.status, values=fields.stored)
        self._fields[record_type] = fields
        self._held[record_type] = fields.status


def _strange_statuses(page: RowPage, fields: ModuleFields) -> set[str]:
    """What the records hold and the picklist, as it was read, does not."""
    known = {squash_value(value) for value in fields.known_values} | fields.meanings.keys()
    found = {row.status for row in page.data if row is not None}
    return {status for status in found if status is not None and squash_value(status) not in known}


def _blames_a_field(result: WriteResult, fields: ModuleFields) -> bool:
    if not isinstance(result, NotWritten) or result.code != _REFUSED_VALUE:
        return False
    ours = (fields.status, fields.attempts, fields.first_no_answer)
    return any(f"api_name {name}" in result.message for name in ours)
