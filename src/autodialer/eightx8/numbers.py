"""The numbers that we call from and connect to, as the settings name them."""

import random
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count

import phonenumbers

MSISDN = r"\+?[1-9][0-9]{5,14}"
_ONE = re.compile(MSISDN)
_ENTRY = re.compile(rf"([A-Z]{{2}}|\*):({MSISDN})")
OTHERS = "*"


def read_caller_ids(text: str) -> Mapping[str, str] | None:
    """`+40...`, or a list such as `RO:+40...,*:+44...`, as numbers by country (`*`: all others). None when it is neither."""
    entries = _parts(text)
    if len(entries) == 1 and _ONE.fullmatch(entries[0]):
        return {OTHERS: entries[0]}
    found = [_ENTRY.fullmatch(entry.upper()) for entry in entries]
    ids = {match[1]: match[2] for match in found if match}
    return ids if ids and len(ids) == len(entries) else None


def read_numbers(text: str) -> Sequence[str] | None:
    """One number or a comma list of them, each once. None when one is no number."""
    numbers = list(dict.fromkeys(_parts(text)))
    return numbers if numbers and all(_ONE.fullmatch(number) for number in numbers) else None


def caller_id_for(ids: Mapping[str, str], number: str) -> str | None:
    """What the person with this number is shown; None where no entry fits their country."""
    if set(ids) == {OTHERS}:
        return ids[OTHERS]
    return ids.get(_country(number)) or ids.get(OTHERS)


class Agents:
    """Who is connected next: in turn, or at random."""

    def __init__(self, numbers: Sequence[str], *, at_random: bool) -> None:
        self._numbers = numbers
        self._at_random = at_random
        self._turns = count()

    def next(self) -> str:
        """A number. IndexError when there is none."""
        if self._at_random:
            return random.choice(self._numbers)  # noqa: S311 - spreads work, guards nothing
        return self._numbers[next(self._turns) % len(self._numbers)]


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


@lru_cache(maxsize=4096)
def _country(number: str) -> str:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(parsed) or ""
