"""Updates on their way to Zoho: in batches that cost little, guarded against overwriting what a person just changed.

Source: Zoho's pages "Update Records" (If-Unmodified-Since, 207, 412) and "API limits" (costs). docs/zoho/writing.md explains the
choices.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from autodialer.domain.errors import CrmError
from autodialer.domain.record import RecordType
from autodialer.domain.update import CrmUpdate, NotWritten, Refusal, WriteResult, Written
from autodialer.service.gathering import gather_or_cancel
from autodialer.zoho.answers import Answer, UnreadableError, error_for, error_item, read_items
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.fields import ModuleFields
from autodialer.zoho.freshness import parse_time
from autodialer.zoho.mapping import item_details, to_body, to_item, to_result, to_zoho_time
from autodialer.zoho.refusals import is_about_the_body, refusal_for
from autodialer.zoho.slots import Rank
from autodialer.zoho.transport import ApiCall, Transport

BATCH_SIZE: Final = 10  # one credit, and not among Zoho's heavy requests
BACKLOG_BATCH_SIZE: Final = 100  # ten credits and heavy, but a tenth of the requests
BACKLOG: Final = 200
FEW_GUARDED: Final = (
    50  # up to here each guarded update is a request of its own, for which alone Zoho documents the guard
)
_EVER: Final = datetime.min.replace(tzinfo=UTC)

log = structlog.get_logger(__name__)


class Writer:
    """Sends updates. `fields_of` gives the fields of a module, from its metadata."""

    def __init__(
        self, config: ZohoConfig, transport: Transport, fields_of: Callable[[RecordType], Awaitable[ModuleFields]]
    ) -> None:
        self._trigger = config.trigger
        self._transport = transport
        self._fields_of = fields_of

    async def write(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        """Write in batches of 10, or of 100 when a backlog waits; few guarded updates go one by one.

        A batch that could not be written leaves NotWritten for its updates, to be retried or, where others would fare no better,
        with STOP: Zoho gives rights for each module apart, and what it took of the others stands. Where that is so of all of
        them, it is a CrmError.
        """
        results: list[WriteResult] = [Written()] * len(updates)
        batches = batches_of(updates)
        outcomes = await gather_or_cancel([self._try_batch([updates[i] for i in places]) for places in batches])
        failures = [outcome for outcome in outcomes if isinstance(outcome, CrmError)]
        if len(failures) == len(batches) and len({failure.stops_run for failure in failures}) == 1:
            raise failures[0]
        for places, outcome in zip(batches, outcomes, strict=True):
            found = [_not_written(outcome)] * len(places) if isinstance(outcome, CrmError) else outcome
            for place, result in zip(places, found, strict=True):
                results[place] = result
        return results

    async def _try_batch(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult] | CrmError:
        """The results, or why there are none. A batch refused as a whole is sent one by one."""
        try:
            return await self._put(updates)
        except CrmError as error:
            if not is_about_the_body(error):
                return error
            if len(updates) == 1:
                return [NotWritten(error.code, error.message, refusal_for(error.code))]
            log.warning("zoho_batch_refused", count=len(updates), code=error.code)
        singles = await gather_or_cancel([self._try_batch([update]) for update in updates])
        return [_not_written(single) if isinstance(single, CrmError) else single[0] for single in singles]

    async def _put(self, updates: Sequence[CrmUpdate]) -> Sequence[WriteResult]:
        fields = await self._fields_of(updates[0].key.record_type)
        items = [to_item(update, fields) for update in updates]
        call = ApiCall(
            "PUT",
            f"/crm/v8/{fields.module}",
            content=to_body(items, self._trigger),
            credits=-(-len(items) // 10),
            is_heavy=len(items) > BATCH_SIZE,
            headers=_guard(updates),
            rank=Rank.WRITE,
        )
        return await self._transport.send(call, lambda answer: read_results(answer, updates))


def batches_of(updates: Sequence[CrmUpdate]) -> list[list[int]]:
    """Where the updates of each request stand. Those that change nothing are left out; plain and guarded ones never mix."""
    size = BACKLOG_BATCH_SIZE if len(updates) > BACKLOG else BATCH_SIZE
    wanted = [place for place, update in enumerate(updates) if not update.changes_nothing]
    versions = {place: parse_time(updates[place].unless_modified_since) for place in wanted}
    guarded = [place for place in wanted if versions[place] is not None]
    # One header speaks for a whole batch: with neighbours of about the same age it misses least.
    guarded.sort(key=lambda place: versions[place] or _EVER)
    plain = [place for place in wanted if versions[place] is None]
    return [
        *_chunks(updates, plain, size),
        *_chunks(updates, guarded, 1 if len(guarded) <= FEW_GUARDED else size),
    ]


def read_results(answer: Answer, updates: Sequence[CrmUpdate]) -> list[WriteResult]:
    """One result for each update, by place: error items often carry no id.

    The status is not asked: 200, 207, 400 and 412 all carry items. CrmError for a refusal as a whole. Where the items can't be
    those of the updates, nothing is known of any of them.
    """
    items = read_items(answer)
    fits = items is not None and len(items) == len(updates)
    if answer.status in (401, 403) or (not fits and not answer.is_success):
        raise error_for(answer)
    if items is None:
        raise UnreadableError("no items")
    if not fits or any(map(_is_of_another, items, updates)):
        log.error("zoho_answer_does_not_fit", items=len(items), updates=len(updates))
        return [NotWritten("", "Zoho's answer does not fit the request", Refusal.RETRY)] * len(updates)
    return [to_result(item) for item in items]


def _is_of_another(item: object, update: CrmUpdate) -> bool:
    """Whether the item names another record. A duplicate's details name the record that it clashes with."""
    named = item_details(item).get("id")
    return named is not None and str(named) != update.key.zoho_id and error_item(item).code != "DUPLICATE_DATA"


def _chunks(updates: Sequence[CrmUpdate], places: Sequence[int], size: int) -> list[list[int]]:
    modules: dict[RecordType, list[int]] = {}
    for place in places:
        modules.setdefault(updates[place].key.record_type, []).append(place)
    return [mine[at : at + size] for mine in modules.values() for at in range(0, len(mine), size)]


def _guard(updates: Sequence[CrmUpdate]) -> Mapping[str, str]:
    """The newest version among them: whoever changed a record after that is not overwritten."""
    versions = [version for update in updates if (version := parse_time(update.unless_modified_since)) is not None]
    return {"If-Unmodified-Since": to_zoho_time(max(versions))} if versions else {}


def _not_written(error: CrmError) -> NotWritten:
    return NotWritten(error.code, error.message, Refusal.STOP if error.stops_run else Refusal.RETRY)
