"""A policy out of a TOML file and settings: plain values become fields, every problem is collected."""

import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import time
from pathlib import Path
from typing import Any, TypeVar

from autodialer.rules.calendars import WEEKDAYS, DayCounting, HolidayCalendar, Window

_T = TypeVar("_T")
_EVERY_DAY = tuple(range(len(WEEKDAYS)))
_VARIABLES = {"timezone": "TIMEZONE", "default_country": "DEFAULT_COUNTRY", "run_hours": "CRON_HOURS"}


class _Wrong(Exception):
    """What a field should have held."""


def read(path: Path | None, overrides: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """The fields that the file and the overrides set, ready for Policy, and one sentence for each problem.

    One that both set, and otherwise, is a problem: which of them was meant decides at what hours people are called.
    """
    problems: list[str] = []
    given: dict[str, object] = {}
    if path is not None:
        try:
            given.update(_parsed(path.read_text(encoding="utf-8")))
        except OSError as error:
            problems.append(f"policy file {path} can't be read: {error.strerror}")
        except UnicodeDecodeError:
            problems.append(f"policy file {path} is not UTF-8 text")
        except (ValueError, RecursionError) as error:
            problems.append(f"policy file {path} is not TOML: {_why(error)}")
    by_file, wrong = _fields(given)
    by_variable, also_wrong = _fields({name: value for name, value in overrides.items() if value is not None})
    contradictions = [
        f"{name} is one thing in {path} and another by {_VARIABLES.get(name, 'a variable')}: set it in one place only "
        "(an empty variable sets nothing)"
        for name in by_file.keys() & by_variable.keys()
        if not _is_same(by_file[name], by_variable[name])
    ]
    return by_file | by_variable, problems + wrong + also_wrong + sorted(contradictions)


def read_text(text: str, defaults: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    """The same of a text in the place of a file; `defaults` hold where it says nothing."""
    given = {name: value for name, value in defaults.items() if value is not None}
    try:
        given.update(_parsed(text))
    except (ValueError, RecursionError) as error:
        return {}, [f"the policy is not TOML: {_why(error)}"]
    return _fields(given)


def _parsed(text: str) -> dict[str, object]:
    """Windows' editors begin a file with a mark that TOML does not know."""
    return tomllib.loads(text.removeprefix("\ufeff"))


def _is_same(one: object, other: object) -> bool:
    """Hours mean the same in any order."""
    return sorted(one) == sorted(other) if isinstance(one, tuple) and isinstance(other, tuple) else one == other


def _why(error: Exception) -> str:
    """What tomllib itself says; else it left the error to Python, which says nothing that helps."""
    if isinstance(error, tomllib.TOMLDecodeError):
        return str(error)
    return "it is nested too deeply" if isinstance(error, RecursionError) else "a number or a date can't be that"


def _fields(given: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    problems: list[str] = []
    fields: dict[str, Any] = {}
    for name, value in given.items():
        reader = _READERS.get(name)
        if reader is None:
            problems.append(f"policy: there is no field {name}; the fields are {', '.join(sorted(_READERS))}")
            continue
        try:
            fields[name] = reader(value)
        except _Wrong as wrong:
            problems.append(f"{name} must be {wrong}")
    return fields, problems


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    raise _Wrong("a text")


def _word(value: object) -> str:
    return _text(value).lower().replace(" ", "_")


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _Wrong("a whole number")


def _share(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):
            return float(value)
    raise _Wrong("a number")


def _yes_or_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _Wrong("true or false")


def _many(value: object, reader: Callable[[object], _T], what: str) -> tuple[_T, ...]:
    if not isinstance(value, list | tuple):
        raise _Wrong(f"a list of {what}")
    try:
        return tuple(reader(item) for item in value)
    except _Wrong as wrong:
        raise _Wrong(f"a list of {what}, each {wrong}") from None


def _texts(value: object) -> tuple[str, ...]:
    return _many(value, _text, "texts")


def _wholes(value: object) -> tuple[int, ...]:
    return _many(value, _whole, "whole numbers")


def _country(value: object) -> str:
    return _text(value).upper()


def _counting(value: object) -> DayCounting:
    try:
        return DayCounting(_text(value))
    except ValueError:
        raise _Wrong(" or ".join(DayCounting)) from None


def _weekday(value: object) -> int:
    name = _text(value).lower()
    for number, weekday in enumerate(WEEKDAYS):
        if name in (weekday.lower(), weekday[:3].lower()):
            return number
    raise _Wrong(f"one of {', '.join(weekday[:3].lower() for weekday in WEEKDAYS)}")


def _weekdays(value: object) -> tuple[int, ...]:
    return tuple(sorted(set(_many(value, _weekday, "weekdays"))))


def _clock(value: object) -> time | None:
    """None is midnight at the day's end."""
    if isinstance(value, time):
        return value
    text = _text(value)
    if text in ("24:00", "24:00:00"):
        return None
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise _Wrong('a time such as "09:00"') from None


def _keys(value: object, allowed: set[str], required: set[str]) -> dict[str, object]:
    if not isinstance(value, dict) or not required <= set(value) <= allowed:
        optional = "".join(f", {key} if wanted" for key in sorted(allowed - required))
        raise _Wrong(f"a table with {', '.join(sorted(required))}{optional}")
    return value


def _window(value: object) -> Window:
    if isinstance(value, Window):
        return value
    table = _keys(value, {"start", "end", "days"}, {"start", "end"})
    start = _clock(table["start"])
    if start is None:
        raise _Wrong("a window whose start is before 24:00")
    days = _weekdays(table["days"]) if "days" in table else _EVERY_DAY
    return Window(start, _clock(table["end"]), days)


def _windows(value: object) -> tuple[Window, ...]:
    return _many(value, _window, "windows")


def _calendar(value: object) -> HolidayCalendar:
    if isinstance(value, HolidayCalendar):
        return value
    table = _keys(value, {"country", "subdivision"}, {"country"})
    subdivision = _text(table.get("subdivision", ""))
    return HolidayCalendar(_country(table["country"]), subdivision or None)


def _calendars(value: object) -> tuple[HolidayCalendar, ...]:
    return _many(value, _calendar, "calendars")


_READERS: dict[str, Callable[[object], object]] = {
    "new_status": _text,
    "no_answer_status": _text,
    "dead_status": _text,
    "stop_statuses": _texts,
    "new_quota": _whole,
    "total_quota": _whole,
    "day_quotas": _wholes,
    "timezone": _text,
    "day_counting": _counting,
    "dead_when_exhausted": _yes_or_no,
    "hold_after_answer": _yes_or_no,
    "max_sane_attempts": _whole,
    "max_dead_share": _share,
    "max_dead_floor": _whole,
    "run_hours": _wholes,
    "default_country": _country,
    "team_timezone": _text,
    "team_windows": _windows,
    "callee_windows": _windows,
    "skip_weekdays": _weekdays,
    "holidays": _calendars,
    "unconfirmed": _word,
    "technical_failures": _word,
    "agent_unreached_alarm": _share,
}
