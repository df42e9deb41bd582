"""A policy in words: every rule that it sets, as a sentence for somebody who knows no field names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING

from autodialer.domain.sentence import Sentence
from autodialer.rules.calendars import WEEKDAYS, DayCounting, Window

if TYPE_CHECKING:
    from autodialer.rules.policy import Policy

_DAY_NAMES = (
    Sentence("Monday"),
    Sentence("Tuesday"),
    Sentence("Wednesday"),
    Sentence("Thursday"),
    Sentence("Friday"),
    Sentence("Saturday"),
    Sentence("Sunday"),
)


@dataclass(frozen=True, slots=True)
class Chapter:
    """Sentences about one thing."""

    title: Sentence
    sentences: Sequence[Sentence]


def in_words(policy: "Policy") -> list[Chapter]:
    """The whole policy; each field has its part in some sentence."""
    return [
        Chapter(Sentence("Who is called"), [*_who(policy)]),
        Chapter(Sentence("How often"), [*_how_often(policy)]),
        Chapter(Sentence("When"), [*_when(policy)]),
        Chapter(Sentence("After a call"), [*_after(policy)]),
        Chapter(Sentence("Guards"), [*_guards(policy)]),
    ]


def _who(policy: "Policy") -> Iterator[Sentence]:
    labels = {"new": policy.new_status, "no_answer": policy.no_answer_status}
    yield Sentence(
        "Leads and Contacts whose status is {new} or {no_answer} are called; any other status stops calling.", labels
    )
    if policy.stop_statuses:
        yield Sentence("Known statuses that stop calling: {statuses}.", {"statuses": _listed(policy.stop_statuses)})
    yield Sentence("All {new} come first, then all {no_answer}; within each, who was created first.", labels)
    yield Sentence(
        "Phone is dialled, else Mobile; a number without a country code is read as one of {country}. One person is called once, "
        "however many records have the number.",
        {"country": policy.default_country},
    )


def _how_often(policy: "Policy") -> Iterator[Sentence]:
    if policy.new_quota:
        yield Sentence("{new} gets one call.", {"new": policy.new_status})
    else:
        yield Sentence("{new} gets no call.", {"new": policy.new_status})
    yield Sentence(
        "{no_answer} gets at most {total} calls in all, the first one as {new} included.",
        {"no_answer": policy.no_answer_status, "total": policy.total_quota, "new": policy.new_status},
    )
    for day, quota in enumerate(policy.day_quotas):
        if day == 0:
            yield Sentence("At most {quota} calls on Day 0, the date of the first unanswered call.", {"quota": quota})
        else:
            yield Sentence("At most {quota} calls on Day {day}.", {"quota": quota, "day": day})
    last = {"day": len(policy.day_quotas), "dead": policy.dead_status}
    yield Sentence("From Day {day} on the record becomes {dead}, without a call.", last)
    if policy.dead_when_exhausted:
        yield Sentence("It becomes {dead} as soon as all its calls are used up.", last)
    else:
        yield Sentence("With all calls used up it keeps its status until its days are over.")
    if policy.day_counting is DayCounting.CALENDAR_DAYS:
        yield Sentence("Every date counts as a day, also one without calls.")
    else:
        yield Sentence("Only dates on which calls are possible count as days.")
    yield Sentence("Days begin at midnight in {zone}.", {"zone": policy.timezone})


def _when(policy: "Policy") -> Iterator[Sentence]:
    hours = ", ".join(f"{hour:02}:00" for hour in sorted(policy.run_hours))
    yield Sentence("A run begins at {hours} UTC, and calls nobody twice.", {"hours": hours})
    if not policy.has_calling_hours:
        yield Sentence("There are no calling hours: every day, every run.")
    zone = policy.team_timezone or policy.timezone
    for window in policy.team_windows:
        yield Sentence("The team calls from {start} to {end}, {days}, in {zone}.", {**_window(window), "zone": zone})
    for window in policy.callee_windows:
        yield Sentence(
            "People are called from {start} to {end}, {days}, wherever their number may be; a number that tells no time zone "
            "is not called.",
            _window(window),
        )
    if policy.skip_weekdays:
        yield Sentence("No calls on {days}.", {"days": _days(policy.skip_weekdays)})
    for calendar in policy.holidays:
        place = " ".join(filter(None, (calendar.country, calendar.subdivision)))
        yield Sentence("No calls on the public holidays of {place}.", {"place": place})
    if policy.team_timezone is not None:
        yield Sentence("Weekdays and holidays are those of {zone}.", {"zone": zone})


def _after(policy: "Policy") -> Iterator[Sentence]:
    labels = {"no_answer": policy.no_answer_status}
    yield Sentence(
        "Not reached (no answer, busy, failed): the status becomes {no_answer}, Call Attempts grows by one.", labels
    )
    if policy.hold_after_answer:
        yield Sentence("Answered: not called again until a person changes the status.")
    else:
        yield Sentence("Answered: called again, as the quotas allow, until a person changes the status.")
    if policy.unconfirmed == "answered":
        yield Sentence("Who is asked to press a key, picks up and presses none counts as answered.")
    else:
        yield Sentence("Who is asked to press a key, picks up and presses none counts as not reached.")
    if policy.technical_failures == "counted":
        yield Sentence("A call that 8x8 could not make uses up an attempt.")
    else:
        yield Sentence("A call that 8x8 could not make, nobody's phone having rung, uses up no attempt.")


def _guards(policy: "Policy") -> Iterator[Sentence]:
    share = {"share": f"{policy.max_dead_share:.4g}", "floor": policy.max_dead_floor, "dead": policy.dead_status}
    yield Sentence(
        "A run makes at most a share of {share} of all records {dead}, or {floor} if that is more; the others wait for "
        "the next run.",
        share,
    )
    yield Sentence("Call Attempts above {most} are not believed.", {"most": policy.max_sane_attempts})
    yield Sentence(
        "More than a share of {share} of the day's answered calls without an agent are an alarm.",
        {"share": f"{policy.agent_unreached_alarm:.4g}"},
    )


def _window(window: Window) -> dict[str, object]:
    return {"start": _clock(window.start), "end": _clock(window.end), "days": _days(window.days)}


def _clock(at: time | None) -> str:
    if at is None:
        return "24:00"
    return at.isoformat("minutes" if not at.second and not at.microsecond else "auto")


def _days(days: Sequence[int]) -> Sentence:
    if len(set(days)) == len(WEEKDAYS):
        return Sentence("every day")
    names = {f"d{day}": _DAY_NAMES[day] for day in sorted(set(days))}
    return Sentence(", ".join(f"{{{name}}}" for name in names), names)


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts)
