"""Facts for the tests of the rules: one person, everything in order unless a test says otherwise."""

from datetime import UTC, datetime

from autodialer.domain.phone import NoNumber, PhoneNumber
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.rules.decide import decide
from autodialer.rules.facts import Facts, History, PendingUpdate
from autodialer.rules.policy import Policy
from autodialer.rules.verdict import Call, MarkDead, Skip, Verdict

NOW = datetime(2026, 5, 6, 10, 0, tzinfo=UTC)  # a Wednesday
NUMBER = PhoneNumber("+40712345678", "RO")
LEAD = RecordKey(RecordType.LEAD, "4150868000000002180")
CONTACT = RecordKey(RecordType.CONTACT, "4150868000000002999")
DEFAULT = Policy()


def utc(month: int, day: int, hour: int = 10, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=UTC)


def person(
    status: str | None = "No Answer",
    attempts: object = None,
    first: object = None,
    *,
    key: RecordKey = LEAD,
    created: object = "2026-05-01T09:00:00+03:00",
    number: PhoneNumber | NoNumber = NUMBER,
    history: History | None = None,
    pending: PendingUpdate | None = None,
    do_not_call: bool = False,
    same_phone_as: RecordKey | None = None,
) -> Facts:
    record = Record(key, status, attempts, first, "0712 345 678", None, created)
    return Facts(record, number, history or History(), pending, do_not_call, same_phone_as)


def called(times: int, today: int = 0) -> History:
    """The ledger knows so many calls."""
    return History(attempts=times, attempts_today=today)


def word(verdict: Verdict) -> str:
    """A verdict in one word: "call", the reason of a skip, or the reason of Dead."""
    match verdict:
        case Call():
            return "call"
        case Skip() | MarkDead():
            return str(verdict.reason)


def verdict_word(facts: Facts, policy: Policy = DEFAULT, now: datetime = NOW) -> str:
    return word(decide(facts, policy, now))


def skipped(facts: Facts, policy: Policy = DEFAULT, now: datetime = NOW) -> Skip:
    verdict = decide(facts, policy, now)
    assert isinstance(verdict, Skip)
    return verdict


def to_call(facts: Facts, policy: Policy = DEFAULT, now: datetime = NOW) -> Call:
    verdict = decide(facts, policy, now)
    assert isinstance(verdict, Call)
    return verdict
