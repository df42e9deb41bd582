"""CRM and 8x8 that do what a rule of the model told them to do, and the people whom it calls."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from autodialer.domain.placing import Ambiguous, NotSent, Placed, PlaceOutcome, Refused, Scope, Throttled
from autodialer.domain.record import RecordKey
from proof.exchange import Call, Exchange
from proof.office import Office
from service.world import DAY, chasing, contact, lead, person, phone

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
_CLOCKS_APART = timedelta(minutes=1)
_HELD = {"modified_time": "version 0"}  # as every record of Zoho's: by it a write is refused that comes after an edit
PEOPLE = (
    person(lead(0), 0, **_HELD),
    person(lead(1), 1, **_HELD),
    person(contact(2), 2, phone=phone(0), **_HELD),
    chasing(lead(3), 3, START - DAY, attempts=3, **_HELD),
    chasing(contact(4), 4, START - 5 * DAY, attempts=5, **_HELD),
    person(lead(5), 5, "No Answer", call_attempts=1, **_HELD),
)
FATES: Mapping[str, Callable[[str], tuple[bool, PlaceOutcome]]] = {
    "placed": lambda session: (True, Placed(session)),
    "refused": lambda _: (False, Refused("-1001", "no")),
    "number refused": lambda _: (False, Refused("-1017", "no number", Scope.NUMBER)),
    "account refused": lambda _: (False, Refused("401", "who are you", Scope.ACCOUNT)),
    "throttled": lambda _: (False, Throttled(1.0)),
    "not sent": lambda _: (False, NotSent("connection refused")),
    "timed out, rang": lambda _: (True, Ambiguous("timeout")),
    "timed out, did not ring": lambda _: (False, Ambiguous("timeout")),
}


class ScriptedExchange(Exchange):
    """8x8 that does what the model says and tells nothing by itself."""

    fates: deque[str]
    by_hand: dict[RecordKey, datetime]  # of whom a result came in our own format, and when

    def judge(self, call: Call) -> None:
        """Such a result, which names no call, ends also one that is on its way: from a minute before it, as clocks differ."""
        reported = self.by_hand.get(call.key)
        call.told = reported is not None and call.at - reported <= _CLOCKS_APART
        super().judge(call)

    def _fate(self, session: str) -> tuple[bool, PlaceOutcome]:
        return FATES[self.fates.popleft() if self.fates else "placed"](session)

    def _tell(self, call: Call) -> None:
        """The model's rules do."""


class ScriptedOffice(Office):
    """Zoho that fails as often as the model says: before it wrote, or after."""

    fails: deque[str]

    def _trouble(self, name: str) -> None:
        if self.fails and name.split(": ")[1].startswith(self.fails[0]):
            self.fails.popleft()
            self._refuse()
