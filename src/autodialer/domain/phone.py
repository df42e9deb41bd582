"""Phone fields as people fill them in, and the one number that may be dialled."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberMatcher
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number

from autodialer.domain.numbering import NoNumber, PhoneNumber, judge, mask_number, number_at_home

__all__ = [
    "NoNumber",
    "PhoneNumber",
    "candidate_time_zones",
    "choose_number",
    "mask_number",
    "number_like",
    "read_number",
    "read_numbers",
    "spellings",
    "zones_of_country",
]

LONGEST_FIELD = 250  # characters; longer text is no phone field
_MOST_TRIES = 40  # candidates looked at in one field
_MOST_PARTS = 12  # of one run of digits
_LONGEST_NUMBER = 20  # characters: 15 digits and what may stand before them
_MADE_UP = 6  # digits
_SHORTEST_OF_TWO = 7  # digits; shorter ones in a row are groups of one number
_PLAIN = re.compile(r"\+?[0-9 .()\-]+")
_GROUPING = str.maketrans("", "", " .()-[]")
_EXTENSION = re.compile(
    r"(?:;?\s*ext(?:ension|n)?|\bint(?:erior)?|\binterno|\banexo|доб|(?<=[\d\s.,;)])x|[#~])[\s.:=]*\d{1,7}(?!\d)",
    re.IGNORECASE,
)
_RUN = re.compile(r"\+?[0-9 .()\[\]\-/\\]+")
_EMPTY, _NOT_TEXT = NoNumber("empty"), NoNumber("not text")
_DIGIT = re.compile(r"[0-9]")
_SLASH = re.compile(r"[/\\]| +- +")
_SPACE = re.compile(r"[ \-]+")
_MINUS = "\N{MINUS SIGN}"


def choose_number(phone: str | None, mobile: str | None, default_country: str) -> PhoneNumber | NoNumber:
    """The one number to dial: Phone, else Mobile (rules.md rows 16 to 18). Never raises, whatever the fields hold.

    `default_country` (ISO 3166 alpha-2) reads numbers written without a country code. The reason of a NoNumber names what
    was wrong with each field and never contains what the field held.
    """
    first = read_number(phone, default_country)
    if isinstance(first, PhoneNumber):
        return first
    second = read_number(mobile, default_country)
    if isinstance(second, PhoneNumber):
        return second
    return NoNumber(f"Phone: {first.reason}; Mobile: {second.reason}")


def read_number(text: object, default_country: str) -> PhoneNumber | NoNumber:
    """The first number in one field that may be dialled, without its extension; else what is wrong with the field."""
    if not isinstance(text, str):
        return _EMPTY if text is None else _NOT_TEXT
    plain = number_at_home(text, default_country)
    if plain is not None:
        return plain
    if len(text) > LONGEST_FIELD:
        return NoNumber(f"longer than {LONGEST_FIELD} characters")
    if _PLAIN.fullmatch(text):
        found = judge(text.translate(_GROUPING), default_country)
        if isinstance(found, PhoneNumber):
            return found
    return _search(text, default_country)


def read_numbers(text: str, default_country: str) -> Sequence[PhoneNumber] | NoNumber:
    """Every number in a text, the one of `read_number` first; else what is wrong with the text."""
    first = read_number(text, default_country)
    if isinstance(first, NoNumber):
        return first
    if _PLAIN.fullmatch(text) and first == judge(text.translate(_GROUPING), default_country):
        return (first,)
    plain = "".join(map(_plain_char, unicodedata.normalize("NFKC", text)))
    found: dict[str, PhoneNumber] = {}
    for digits in _candidates(_EXTENSION.sub(";", plain), default_country):
        # Of what overlaps the first is meant: 021/312 34 56 is not also the 312 34 56 of another place.
        if not any(digits in other or other in digits for other in found):
            number = judge(digits, default_country)
            found.update({digits: number} if isinstance(number, PhoneNumber) else {})
    return tuple({number.e164: number for number in found.values()}.values())


def spellings(number: PhoneNumber) -> tuple[str, ...]:
    """How people are likely to have written it down: with and without the country, in one piece and in groups."""
    parsed = phonenumbers.parse(number.e164, None)
    forms = phonenumbers.PhoneNumberFormat
    grouped = [phonenumbers.format_number(parsed, form) for form in (forms.INTERNATIONAL, forms.NATIONAL)]
    digits = number.e164.removeprefix("+")
    pieces = [text.translate(_GROUPING) for text in grouped]
    return tuple(dict.fromkeys([number.e164, digits, f"00{digits}", *grouped, *pieces]))


def candidate_time_zones(number: PhoneNumber) -> tuple[str, ...]:
    """Every zone (IANA name) in which the phone may be; empty when nothing is known of it.

    Known by the number's prefix only: a mobile lists all zones of its country, and people move.
    """
    return _zones_of(number.e164)


def zones_of_country(country: str) -> tuple[str, ...]:
    """Every zone (IANA name) of a country (ISO 3166 alpha-2) as its mobile numbers tell; empty when nothing is known of it."""
    example = _example(country)
    return _zones_of(example) if example else ()


def number_like(country: str, index: int) -> PhoneNumber | NoNumber:
    """A made-up number that looks like a mobile one of this country, a million different ones. Never to be dialled."""
    example = _example(country)
    if example is None:
        return NoNumber("no mobile number of this country is known")
    return PhoneNumber(f"{example[:-_MADE_UP]}{index % 10**_MADE_UP:0{_MADE_UP}}", country)


@lru_cache(maxsize=64)
def _example(country: str) -> str | None:
    """A mobile number of this country, E.164."""
    found = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    return None if found is None else phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=4096)
def _zones_of(e164: str) -> tuple[str, ...]:
    try:
        zones = time_zones_for_number(phonenumbers.parse(e164))
    except NumberParseException:
        return ()
    return tuple(str(zone) for zone in zones if zone != UNKNOWN_TIMEZONE)


def _search(text: str, default_country: str) -> PhoneNumber | NoNumber:
    """Look through text that is more than one plain number; the first problem met is the one reported."""
    plain = "".join(map(_plain_char, unicodedata.normalize("NFKC", text)))
    if not plain.strip():
        return NoNumber("empty")
    problem: NoNumber | None = None
    for digits in islice(_candidates(_EXTENSION.sub(";", plain), default_country), _MOST_TRIES):
        found = judge(digits, default_country)
        if isinstance(found, PhoneNumber):
            return found
        problem = problem or found
    return problem or NoNumber("not a valid number" if _DIGIT.search(plain) else "no digits")


def _plain_char(char: str) -> str:
    """Digits of any script as ASCII, dashes and blanks as plain ones, invisible marks as nothing."""
    if char.isascii():
        return " " if char in "\t_" else char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    return {"Pd": "-", "Zs": " ", "Cf": ""}.get(category, "-" if char == _MINUS else char)


def _candidates(text: str, default_country: str) -> Iterator[str]:
    """Digits, with their `+` if any, in the order in which they should be tried.

    Letters, commas and the like always end a number. A slash may stand between two numbers or inside one (021/312 34 56):
    the shortest run of its parts that is a number wins. Spaces and hyphens belong to the number, unless they part two.
    """
    for match in _RUN.finditer(text):
        run = match[0]
        yield from _joined(_parts(_SLASH, run))
        yield from _halves(_parts(_SPACE, run), default_country)
        if len(run) > _LONGEST_NUMBER:
            for inner in PhoneNumberMatcher(run, default_country, max_tries=_MOST_TRIES):
                yield phonenumbers.format_number(inner.number, phonenumbers.PhoneNumberFormat.E164)


def _parts(separator: re.Pattern[str], run: str) -> list[str]:
    parts = (part.translate(_GROUPING) for part in separator.split(run))
    return [part for part in parts if part.strip("+")][:_MOST_PARTS]


def _joined(parts: list[str]) -> Iterator[str]:
    for start in range(len(parts)):
        joined = ""
        for part in parts[start:]:
            joined += part
            if len(joined) > _LONGEST_NUMBER:
                break
            yield joined


def _halves(parts: list[str], default_country: str) -> Iterator[str]:
    """Two numbers with nothing but a space or a hyphen between: believed only when both halves are numbers."""
    for middle in range(1, len(parts)):
        halves = ("".join(parts[:middle]), "".join(parts[middle:]))
        if all(_SHORTEST_OF_TWO <= len(half) <= _LONGEST_NUMBER for half in halves) and all(
            isinstance(judge(half, default_country), PhoneNumber) for half in halves
        ):
            yield from halves
