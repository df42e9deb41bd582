"""The people who work in Zoho while we do, and what its administrators do; the judge of what we overwrote."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.simulators.zoho import ZohoSimulator
from autodialer.simulators.zoho_records import Records, SimRecord
from proof.office import STOPPED, Edit
from proof.times import SimClock
from proof.zoho.weather import Weather

_MODULES = {RecordType.LEAD: "Leads", RecordType.CONTACT: "Contacts"}
_RENAMED = "No answer yet"
_NO_ANSWER = "No Answer"


class Desks:
    """`records`, `edits` and `made_dead` are what proof.fold asks for; `violations` are what may never happen."""

    def __init__(self, sim: ZohoSimulator, clock: SimClock, weather: Weather, people: Sequence[Record]) -> None:
        self._sim = sim
        self._clock = clock
        self._weather = weather
        self._keys = [person.key for person in people]
        self.edits: dict[RecordKey, list[Edit]] = {}
        self.converted: dict[RecordKey, int] = {}
        self.edited: Callable[[RecordKey], None] = lambda _key: None
        self._is_renamed = False

    # What the judge sees

    @property
    def records(self) -> dict[RecordKey, Record]:
        """Those that can still be written, as Zoho holds them."""
        found = {}
        for key in self._keys:
            record = self._find(key)
            if record is not None and key not in self.converted:
                found[key] = self._shown(key, record)
        return found

    @property
    def made_dead(self) -> dict[RecordKey, datetime]:
        """When we first made each of them Dead."""
        return {key: at for key in self._keys for at in self._dead_at(key)[:1]}

    @property
    def violations(self) -> list[str]:
        """Statuses of people that we overwrote, counts that went down, writes to what was converted."""
        problems = []
        for key in self._keys:
            record = self._find(key)
            if record is None:
                continue
            problems += [f"{key}: {problem}" for problem in self._wrong(self._module(key), record)]
            if key in self.converted and len(record.history) > self.converted[key]:
                problems.append(f"{key}: was written after it was converted")
        return problems

    def _wrong(self, records: Records, record: SimRecord) -> list[str]:
        status, attempts = records.schema.status, records.schema.attempts
        problems = []
        for entry in record.history:
            before, after = entry["before"], entry["after"]
            if entry["who"] != "api":
                continue
            if status in after and before[status] in STOPPED:
                problems.append(f"a person's {before[status]} was overwritten with {after[status]}")
            if attempts in after and (after[attempts] or 0) < (before[attempts] or 0):
                problems.append(f"Call Attempts went from {before[attempts]} down to {after[attempts]}")
        return problems

    def _dead_at(self, key: RecordKey) -> list[datetime]:
        record, status = self._find(key), self._module(key).schema.status
        history = [] if record is None else record.history
        return [
            datetime.fromisoformat(e["at"]) for e in history if e["who"] == "api" and e["after"].get(status) == "Dead"
        ]

    def _shown(self, key: RecordKey, record: SimRecord) -> Record:
        schema, values = self._module(key).schema, record.values
        assert schema.attempts is not None
        assert schema.first_no_answer is not None
        status = values[schema.status]
        first = values[schema.first_no_answer]
        return Record(
            key,
            status=_NO_ANSWER if status == _RENAMED else status,
            call_attempts=values[schema.attempts],
            first_no_answer_at=first.isoformat() if first else None,
            phone=values["Phone"],
            mobile=values["Mobile"],
        )

    # What people do

    def walk_in(self, method: str, path: str, body: bytes) -> None:
        """In the last instant before a request of ours is served, somebody may change just these records."""
        if method != "PUT" or self._weather.healed:
            return
        chance = self._weather.dice("walk-ins")
        module = path.rsplit("/", 1)[-1]
        for item in msgspec.json.decode(body)["data"]:
            key = self._key(module, str(item["id"]))
            if key is not None and chance.random() < 0.06 and self._edit(key, chance.choice(STOPPED)):
                self._weather.happened("a person edits a status between our look and our write")

    async def trouble(self) -> None:
        """Until cancelled: somebody does something again and again, to about every second record in an hour."""
        chance = self._weather.dice("office")
        kinds: Sequence[tuple[float, Callable[[], None]]] = (
            (0.62, self._edit_somebody),
            (0.76, self._lock_somebody),
            (0.80, self._convert_somebody),
            (0.84, self._delete_somebody),
            (0.90, lambda: self._weather.storm("429", 30 + 90 * chance.random())),
            (0.95, lambda: self._weather.storm("500", 20 + 60 * chance.random())),
            (0.98, lambda: self._weather.storm("the connection is refused", 20 + 120 * chance.random())),
            (0.99, self._rename),
            (1.0, self._revoke),
        )
        while True:
            await self._clock.sleep(7200 / len(self._keys) * chance.random())
            dice = chance.random()
            next(act for limit, act in kinds if dice < limit)()

    def put_right(self) -> None:
        """The end of all trouble: nobody holds a record any more, and the picklists have their old names."""
        self.unlock_all()
        self._rename_to(_NO_ANSWER)

    def unlock_all(self) -> None:
        """Nobody holds a record any more."""
        for key in self._keys:
            record = self._find(key)
            if record is not None and record.state == "locked":
                record.state = None

    def _edit_somebody(self) -> None:
        key = self._weather.dice("who").choice(self._keys)
        record = self._find(key)
        if record is None or key in self.converted:
            return
        status = record.values[self._module(key).schema.status]
        again = status in STOPPED and self._weather.dice("who").random() < 0.3
        if self._edit(key, "No Answer" if again else self._weather.dice("who").choice(STOPPED)):
            self._weather.happened("a person edits a status")

    def _edit(self, key: RecordKey, status: str) -> bool:
        record, records = self._find(key), self._module(key)
        if record is None or key in self.converted:
            return False
        records.change(record, {records.schema.status: status}, "human")
        self.edits.setdefault(key, []).append(Edit(self._clock.monotonic(), status=status))
        self.edited(key)
        return True

    def _lock_somebody(self) -> None:
        record = self._find(self._weather.dice("who").choice(self._keys))
        if record is None or record.state is not None:
            return
        record.state = "locked"
        self._weather.happened("a record is locked")
        if self._weather.dice("who").random() < 0.5:
            self.unlock_all()

    def _convert_somebody(self) -> None:
        key = self._weather.dice("who").choice(self._keys)
        record = self._find(key)
        if record is None or key.record_type is not RecordType.LEAD or key in self.converted:
            return
        record.state = "converted"
        self.converted[key] = len(record.history)
        self._weather.happened("a record is converted")

    def _delete_somebody(self) -> None:
        key = self._weather.dice("who").choice(self._keys)
        record = self._find(key)
        if record is None or key in self.converted:
            return
        self._module(key).delete(record.id)
        self._weather.happened("a record is deleted")

    def _rename(self) -> None:
        """An administrator gives the value No Answer another name, or its old one back."""
        self._is_renamed = not self._is_renamed
        self._rename_to(_RENAMED if self._is_renamed else _NO_ANSWER)
        self._weather.happened("a picklist value is renamed")

    def _rename_to(self, new: str) -> None:
        """Its reference value stays, as in Zoho's metadata; the records show the new name."""
        for module, metas in self._sim.metadata.items():
            records = self._sim.records[module]
            field = next(meta for meta in metas if meta["api_name"] == records.schema.status)
            value = next(v for v in field["pick_list_values"] if v["reference_value"] == _NO_ANSWER)
            old = value["actual_value"]
            value["actual_value"] = value["display_value"] = new
            for record in records.by_id():
                if record.values[records.schema.status] == old:
                    record.values[records.schema.status] = new

    def _revoke(self) -> None:
        self._sim.accounts.expire_all()
        self._weather.happened("all tokens are revoked")

    def _key(self, module: str, zoho_id: str) -> RecordKey | None:
        return next((RecordKey(kind, zoho_id) for kind, name in _MODULES.items() if name == module), None)

    def _module(self, key: RecordKey) -> Records:
        return self._sim.records[_MODULES[key.record_type]]

    def _find(self, key: RecordKey) -> SimRecord | None:
        return self._module(key).get(int(key.zoho_id))
