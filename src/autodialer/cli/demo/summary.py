"""What a sales lead wants to know at the end: who was called when, what came of it, who is Dead, who was not called and why."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from autodialer.domain.record import RecordKey, RecordType
from autodialer.ports.ledger import Ledger
from autodialer.ports.rows import AttemptRow, OutboxRow, Run, Staged
from autodialer.settings import Settings
from autodialer.simulators.people import Person
from autodialer.simulators.servers import Simulated
from autodialer.store.ledger import SqlStore

_WORDS = {"answered": "answered", "no_answer": "no answer", "busy": "busy", "failed": "failed", "unknown": "no result"}


@dataclass(frozen=True, slots=True)
class PersonStory:
    """One person: before, calls, after."""

    person: Person
    status: str | None
    call_attempts: int | None
    attempts: Sequence[AttemptRow]
    updates: Sequence[OutboxRow]
    last_seen: Staged | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the summary shows. `rings`: calls that the simulated 8x8 took, by its own count."""

    stories: Sequence[PersonStory]
    runs: Sequence[Run]
    rings: int
    calls: int
    most_a_day: int


async def collect_figures(
    store: SqlStore, simulated: Simulated, people: Sequence[Person], runs: Sequence[Run]
) -> Figures:
    """From the ledger, the simulated Zoho and the simulated 8x8's own count."""
    stories = [await _story(store, simulated, person) for person in people]
    days = Counter((attempt.key, attempt.policy_day) for story in stories for attempt in story.attempts)
    return Figures(
        stories=stories,
        runs=runs,
        rings=simulated.calls,
        calls=sum(len(story.attempts) for story in stories),
        most_a_day=max(days.values(), default=0),
    )


async def _story(store: SqlStore, simulated: Simulated, person: Person) -> PersonStory:
    key = RecordKey(RecordType.LEAD if person.module == "Leads" else RecordType.CONTACT, person.zoho_id)

    def read(ledger: Ledger) -> tuple[list[AttemptRow], list[OutboxRow], Staged | None]:
        latest = ledger.staging.latest(key)
        sent = [attempt for attempt in ledger.attempts.of_record(key) if attempt.state != "released"]
        return sent, list(ledger.outbox.of_record(key)), latest[1] if latest else None

    attempts, updates, last_seen = await store.read(read)
    records = simulated.zoho.records[person.module]
    record = records.get(int(person.zoho_id))
    shown = (
        records.row(record, ("Lead_Status" if person.module == "Leads" else "Status", "Call_Attempts"))
        if record
        else {}
    )
    values = list(shown.values())
    return PersonStory(person, values[0], values[1], attempts, updates, last_seen)


def show_summary(out: Console, figures: Figures, settings: Settings) -> None:
    """Print it."""
    called = [story for story in figures.stories if story.attempts]
    out.print(_called_table(called))
    out.print(_not_called_table([story for story in figures.stories if not story.attempts]))
    dead = [story for story in figures.stories if story.status == "Dead" and story.person.status != "Dead"]
    answered = [story for story in called if any(attempt.disposition == "answered" for attempt in story.attempts)]
    out.print(
        f"\n{len(figures.runs)} runs, {figures.calls} calls to {len(called)} people: {len(answered)} answered and wait for a "
        f"person to change their status, {len(dead)} became Dead after their days were over."
    )
    out.print(
        f"Nobody was called more than {figures.most_a_day} times in a day. The simulated 8x8 counted {figures.rings} calls, "
        f"the ledger {figures.calls}: each was placed once."
    )
    out.print(f"Database: {settings.db_path}    Logs: {settings.log_dir}/combined.log, error.log", soft_wrap=True)


def _called_table(stories: Sequence[PersonStory]) -> Table:
    table = Table(
        "who", "was", "calls (UTC)", "is now", "why", title="Who was called, and what came of it", show_lines=False
    )
    for story in stories:
        calls = ", ".join(_call(attempt) for attempt in story.attempts)
        now = f"{story.status} ({story.call_attempts or 0})"
        table.add_row(_name(story.person), _was(story.person), calls, now, _why(story))
    return table


def _not_called_table(stories: Sequence[PersonStory]) -> Table:
    table = Table("who", "was", "is now", "why not", title="\nWho was not called, and why")
    for story in stories:
        table.add_row(_name(story.person), _was(story.person), story.status or "none", _why(story))
    return table


def _name(person: Person) -> str:
    return f"{person.first_name} {person.last_name} ({person.module[:-1]})"


def _was(person: Person) -> str:
    return f"{person.status or 'none'} ({person.call_attempts or 0})"


def _call(attempt: AttemptRow) -> str:
    when = attempt.submitted_at or attempt.reserved_at
    word = _WORDS[attempt.disposition.value] if attempt.disposition else "no result yet"
    return f"{when:%a %H} {word}"


def _why(story: PersonStory) -> str:
    """The last run's word on this person."""
    if story.last_seen is None:
        return "status is not one that is called"
    if story.last_seen.state == "dead":
        return f"Dead: {story.last_seen.detail}"
    if story.last_seen.state == "called":
        return "called in the last run"
    return story.last_seen.detail or story.last_seen.reason.replace("_", " ")
