"""The last comparison with the CRM of this process, kept so that looking at it asks for nothing again."""

from dataclasses import dataclass, replace
from datetime import datetime

from autodialer.domain.record import RecordKey
from autodialer.ports import Clock
from autodialer.service.drift import Drifted, DriftPage, DriftReport
from autodialer.service.writing_again import AGAIN, Field


@dataclass(frozen=True, slots=True)
class Comparison:
    """One page of drift as it was found at `made_at`; `days` is what was looked at.

    `goes_on`: it is not the first page, newer records were compared before.
    """

    made_at: datetime
    days: int
    page: DriftPage
    goes_on: bool


class DriftKeeper:
    """Keeps one comparison until another one takes its place."""

    def __init__(self, report: DriftReport, clock: Clock) -> None:
        self._report = report
        self._clock = clock
        self.last: Comparison | None = None

    async def compare(self, days: int, limit: int, after: str, by: str) -> None:
        """Compare anew, which costs the CRM's credits (DriftReport.page). CrmError: the one before stays."""
        page = await self._report.page(days, limit, after, by)
        self.last = Comparison(self._clock.now(), days, page, goes_on=after != "")

    def written_again(self, key: RecordKey, field: Field) -> None:
        """What differed in this field waits to be written: it is no longer shown as wrong."""
        if self.last is None:
            return
        left = [_without(one, field) if one.key == key else one for one in self.last.page.records]
        page = replace(self.last.page, records=tuple(one for one in left if one.differences))
        self.last = replace(self.last, page=page)


def _without(one: Drifted, field: Field) -> Drifted:
    return replace(one, differences=tuple(each for each in one.differences if AGAIN.get(each.reason) is not field))
