"""The records of the simulated CRM: an index by id, when each was changed, and by whom."""

import bisect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal

from autodialer.simulators.common import SimClock
from autodialer.simulators.people import Person
from autodialer.simulators.zoho_schema import Schema

State = Literal["locked", "not_approved", "not_reviewed", "converted", "blueprint"]
Who = Literal["api", "human"]
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\Z")
_USER: Final = {"name": "Simulated User", "id": "4150868000000200013"}


@dataclass(slots=True)
class SimRecord:
    """One record. Values are kept as Python's: int, str, aware datetime in UTC, None."""

    id: int
    values: dict[str, Any]
    note: str = ""
    state: State | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def modified(self) -> datetime:
        """When it was last changed, whole seconds."""
        moment: datetime = self.values["Modified_Time"]
        return moment


class Records:
    """The records of one module."""

    def __init__(self, module: str, schema: Schema, clock: SimClock, org_zone: tzinfo) -> None:
        self.module = module
        self.schema = schema
        self._clock = clock
        self._zone = org_zone
        self._by_id: dict[int, SimRecord] = {}
        self._ids: list[int] = []

    def __len__(self) -> int:
        return len(self._ids)

    def get(self, record_id: int) -> SimRecord | None:
        """The record, None when there is none of that id."""
        return self._by_id.get(record_id)

    def by_id(self, *, after: int = 0) -> Iterator[SimRecord]:
        """All records with an id greater than `after`, by id."""
        for record_id in self._ids[bisect.bisect_right(self._ids, after) :]:
            yield self._by_id[record_id]

    def replace(self, people: Iterable[Person]) -> None:
        """Forget all, hold these."""
        self._by_id.clear()
        self._ids.clear()
        self.seed(people)

    def seed(self, people: Iterable[Person]) -> None:
        """Add people; one whose id exists replaces that record."""
        for person in people:
            self._by_id[int(person.zoho_id)] = self._record_of(person)
        self._ids = sorted(self._by_id)

    def delete(self, record_id: int) -> None:
        """Remove one. KeyError when there is none."""
        del self._by_id[record_id]
        self._ids.remove(record_id)

    def change(self, record: SimRecord, values: Mapping[str, Any], who: Who) -> None:
        """Set fields to values that were checked, and remember it. Modified_Time has a grain of one second."""
        now = self._clock.now().replace(microsecond=0)
        before = {name: self.shown(record, name) for name in values}
        record.values.update(values)
        record.values["Modified_Time"] = now
        after = {name: self.shown(record, name) for name in values}
        record.history.append({"at": now.isoformat(), "who": who, "before": before, "after": after})

    def shown(self, record: SimRecord, name: str) -> Any:
        """A value as Zoho shows it: ids as texts, times in the organisation's offset; None for what is not set."""
        if name == "id":
            return str(record.id)
        value = record.values.get(name)
        if isinstance(value, datetime):
            return self.time(value)
        if self.schema.types.get(name) == "bigint" and value is not None:
            return str(value)
        return value

    def row(self, record: SimRecord, names: Iterable[str]) -> dict[str, Any]:
        """A record as a row; the id is always in it."""
        row = {name: self.shown(record, name) for name in names}
        row.setdefault("id", str(record.id))
        return row

    def time(self, moment: datetime) -> str:
        """In the organisation's offset, whole seconds."""
        return moment.astimezone(self._zone).isoformat(timespec="seconds")

    def stamp(self, record: SimRecord) -> dict[str, Any]:
        """The details of an accepted update; only Leads have an approval process, so only theirs tell its state."""
        return {
            "Modified_Time": self.time(record.modified),
            "Modified_By": _USER,
            "Created_Time": self.shown(record, "Created_Time"),
            "id": str(record.id),
            "Created_By": _USER,
            **({"$approval_state": "approved"} if self.module == "Leads" else {}),
        }

    def _record_of(self, person: Person) -> SimRecord:
        schema, created = self.schema, person.created_time.astimezone(UTC).replace(microsecond=0)
        values: dict[str, Any] = dict.fromkeys(schema.types)
        values |= {
            "First_Name": person.first_name,
            "Last_Name": person.last_name,
            "Phone": person.phone,
            "Mobile": person.mobile,
            "Created_Time": created,
            "Modified_Time": created,
            schema.status: person.status,
        }
        if schema.attempts is not None:
            values[schema.attempts] = person.call_attempts
        if schema.first_no_answer is not None:
            first = person.first_no_answer_at
            values[schema.first_no_answer] = first and first.astimezone(UTC).replace(microsecond=0)
        known = {name: value for name, value in values.items() if name in schema.types and name != "id"}
        return SimRecord(int(person.zoho_id), known, person.note)


def parse_time(text: object) -> datetime | None:
    """A time as Zoho takes it, `yyyy-MM-ddTHH:mm:ss+HH:mm`, in UTC; None for anything else, milliseconds included."""
    if not isinstance(text, str) or _TIME.match(text) is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
