"""Parts of a policy that say when calls are allowed: windows of the day and public holidays."""

from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holidays import HolidayBase

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class DayCounting(StrEnum):
    """How the days since First No Answer At are counted (rules.md row 3)."""

    CALENDAR_DAYS = "calendar_days"
    CALLING_DAYS = "calling_days"


@dataclass(frozen=True, slots=True)
class Window:
    """Calls are allowed from `start` to before `end`, local time, on the weekdays `days` (0 is Monday).

    `end` None is midnight at the day's end. A window never crosses midnight: two windows do.
    """

    start: time
    end: time | None
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


ALL_DAY = Window(time.min, None)


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """The public holidays of a country (ISO 3166 alpha-2), or of one subdivision of it, as the `holidays` library has them."""

    country: str
    subdivision: str | None = None

    def __contains__(self, day: date) -> bool:
        return day in _calendar(self.country, self.subdivision)

    @property
    def is_known(self) -> bool:
        """Whether the library has this country and subdivision."""
        try:
            _calendar(self.country, self.subdivision)
        except (NotImplementedError, TypeError, ValueError):
            return False
        return True


@lru_cache(maxsize=64)
def _calendar(country: str, subdivision: str | None) -> "HolidayBase":
    from holidays import country_holidays  # noqa: PLC0415 - loading it takes 0.2 s, and no holidays is the default

    return country_holidays(country, subdiv=subdivision)
