"""The rules as data. The defaults are docs/rules.md to the letter; every other choice is a field here."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from autodialer.domain.errors import SettingsError
from autodialer.domain.record import CrmStatus
from autodialer.domain.sentence import Sentence
from autodialer.rules import policy_checks, policy_file, policy_warnings
from autodialer.rules.calendars import DayCounting, HolidayCalendar, Window
from autodialer.rules.text import normalise

_HASH_LENGTH = 12


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Who may be called, how often and when. SettingsError, with every problem, when the choices contradict each other.

    Statuses: `new_status`, `no_answer_status`, `dead_status` are the CRM's own labels of the three that the rules read or
    write; `stop_statuses` are known ones that stop calling, for documentation and `doctor` (any other status stops it too).

    Quotas: `new_quota` 1, or 0 to call no New record. `total_quota` and `day_quotas` (Day 0, Day 1 …) are both ceilings; after
    the last day a No Answer record becomes Dead.

    Days: a day is a date in `timezone`. `run_hours` are UTC. Windows are local: `team_windows` in `team_timezone` (None:
    `timezone`), `callee_windows` in every zone the number may be in; none means always. `skip_weekdays` (0 is Monday) and
    `holidays` are days without calls.

    Calls: `unconfirmed` is what a call counts as whose person picked up and pressed nothing (only where a key is asked for);
    `technical_failures` whether a call that 8x8 itself failed to make, nobody's phone having rung, uses up an attempt. More than
    `agent_unreached_alarm` of today's answered calls without an agent are an alarm.

    Guards: Call Attempts above `max_sane_attempts` are not believed; a run makes at most `max_dead_share` of the pulled
    records, or `max_dead_floor`, Dead.
    """

    new_status: str = CrmStatus.NEW.value
    no_answer_status: str = CrmStatus.NO_ANSWER.value
    dead_status: str = CrmStatus.DEAD.value
    stop_statuses: tuple[str, ...] = ("Not interested / Rejected", "Dead", "Onboarding", "Recruiting")
    new_quota: int = 1
    total_quota: int = 7
    day_quotas: tuple[int, ...] = (3, 2, 2)
    timezone: str = "UTC"
    day_counting: DayCounting = DayCounting.CALENDAR_DAYS
    dead_when_exhausted: bool = False
    hold_after_answer: bool = True
    max_sane_attempts: int = 50
    max_dead_share: float = 0.25
    max_dead_floor: int = 50
    run_hours: tuple[int, ...] = (10, 14, 18)
    default_country: str = "RO"
    team_timezone: str | None = None
    team_windows: tuple[Window, ...] = ()
    callee_windows: tuple[Window, ...] = ()
    skip_weekdays: tuple[int, ...] = ()
    holidays: tuple[HolidayCalendar, ...] = ()
    unconfirmed: str = "no_answer"
    technical_failures: str = "not_counted"
    agent_unreached_alarm: float = 0.1

    def __post_init__(self) -> None:
        problems = policy_checks.problems_of(self)
        if problems:
            raise SettingsError(problems)

    def __hash__(self) -> int:
        return self._hash

    @classmethod
    def load(cls, path: Path | None, **overrides: object) -> Self:
        """The policy of a TOML file (None: the defaults) and of `overrides`; an override of None is not one.

        SettingsError with every problem of the file and the overrides, each naming its field, and with what they contradict each
        other in.
        """
        return cls._made(*policy_file.read(path, overrides))

    @classmethod
    def parse(cls, text: str, **defaults: object) -> Self:
        """The policy of a text as a policy file has it; what it does not say is as in `defaults`, if they say it. SettingsError."""
        return cls._made(*policy_file.read_text(text, defaults))

    @classmethod
    def _made(cls, values: dict[str, Any], problems: list[str]) -> Self:
        try:
            policy = cls(**values)
        except SettingsError as error:
            raise SettingsError(problems + error.problems) from error
        if problems:
            raise SettingsError(problems)
        return policy

    @cached_property
    def zone(self) -> ZoneInfo:
        """Where the days of the rules are counted."""
        return ZoneInfo(self.timezone)

    @cached_property
    def team_zone(self) -> ZoneInfo:
        """Where the team's windows, weekdays and holidays are."""
        return ZoneInfo(self.team_timezone or self.timezone)

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits that change with any field; the same on every machine."""
        content = json.dumps(asdict(self), sort_keys=True, default=_plain, ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()[:_HASH_LENGTH]

    @cached_property
    def eligible_labels(self) -> tuple[str, str]:
        """The CRM's labels of the two statuses that are called."""
        return (self.new_status, self.no_answer_status)

    @cached_property
    def has_calling_hours(self) -> bool:
        """Whether anything at all restricts when calls are made."""
        return bool(self.team_windows or self.callee_windows or self.skip_weekdays or self.holidays)

    @cached_property
    def _hash(self) -> int:
        return int(self.hash, 16)  # of all fields, but reckoned once: policies are keys of caches

    @cached_property
    def _kinds(self) -> dict[str, CrmStatus]:
        return {normalise(self.label_of(kind)): kind for kind in CrmStatus}

    @cached_property
    def _exact_kinds(self) -> dict[str, CrmStatus]:
        return {self.label_of(kind): kind for kind in CrmStatus}

    def label_of(self, kind: CrmStatus) -> str:
        """How the CRM spells `kind`: what a write-back sends."""
        if kind is CrmStatus.NEW:
            return self.new_status
        return self.no_answer_status if kind is CrmStatus.NO_ANSWER else self.dead_status

    def kind_of(self, status: str | None) -> CrmStatus | None:
        """The meaning of a status, other case and spaces forgiven (rules.md row 31); None for all that the rules don't know."""
        if not isinstance(status, str):
            return None
        return self._exact_kinds.get(status) or self._kinds.get(normalise(status))

    def local_date(self, at: datetime) -> date:
        """The day of the rules in which the instant `at` falls (rules.md row 2)."""
        return at.astimezone(self.zone).date()

    def max_dead(self, pulled: int) -> int:
        """How many of `pulled` records one run may make Dead (rules.md row 29)."""
        return max(self.max_dead_floor, int(Decimal(str(self.max_dead_share)) * pulled))

    def is_alarming(self, unreached: int, answered: int) -> bool:
        """Whether too many of the people who answered found nobody to talk to."""
        return unreached > self.agent_unreached_alarm * answered

    def warnings(self) -> list[str]:
        """What is allowed but probably not meant: one sentence each, for `doctor` and `plan`."""
        return [str(sentence) for sentence in self.warning_sentences()]

    def warning_sentences(self) -> list[Sentence]:
        """The same, to be said in another language."""
        return policy_warnings.warnings_of(self)


def _plain(value: object) -> str:
    if isinstance(value, time):
        return value.isoformat()
    raise TypeError(f"no canonical form for {type(value).__name__}")
