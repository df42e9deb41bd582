"""Whether digits are one number that may be dialled, by the numbering plans that `phonenumbers` carries."""

import re
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberType, ValidationResult, shortnumberinfo
from phonenumbers import PhoneNumber as ParsedNumber
from phonenumbers.phonemetadata import PhoneNumberDesc

_NEVER_DIALLED = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number, never dialled",
    PhoneNumberType.SHARED_COST: "a shared-cost number, never dialled",
}
_LONGEST_SHORT = 6  # digits; above it phonenumbers knows no emergency or short number
_LONGEST_CODE = 3  # digits of a country calling code
_NO_COUNTRY = "001"  # what phonenumbers calls the region of +800, +870 …


class PhoneNumber(msgspec.Struct, frozen=True, gc=False):
    """A number that may be dialled: `e164` with `+`, `country` as ISO 3166 alpha-2 ("" for none)."""

    e164: str
    country: str

    @property
    def masked(self) -> str:
        """Fit for a log: country prefix and the last two digits."""
        return mask_number(self.e164)


@dataclass(frozen=True, slots=True)
class NoNumber:
    """Neither field holds a number that may be dialled; `reason` says what was wrong with each."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What everyday numbers of one country look like, as people of that country write them in one piece.

    `written`: `+` and the country code or, where 0 is the prefix and 00 leads abroad (`has_prefix_0`), one of these; then the
    national number, caught unless it is never dialled. `lengths` are those of the national number.
    """

    country: str
    code: str
    written: re.Pattern[str]
    lengths: frozenset[int]
    has_prefix_0: bool

    def number(self, text: str) -> PhoneNumber | None:
        """The number, or None when it takes more to tell."""
        found = self.written.fullmatch(text)
        national = found["national"] if found else None
        if national is None or len(national) not in self.lengths:
            return None
        return PhoneNumber(f"+{self.code}{national}", self.country)


def mask_number(number: str) -> str:
    """Hide all but the first three and last two characters of an E.164 number."""
    return f"{number[:3]}…{number[-2:]}" if len(number) > 6 else "…"  # noqa: PLR2004 - shorter ones have nothing to show


def number_at_home(text: str, default_country: str) -> PhoneNumber | None:
    """At once what `judge` would say of an everyday number of the default country in one piece; None for any other text."""
    home = _plan_of_country(default_country)
    return None if home is None else home.number(text)


def judge(digits: str, default_country: str) -> PhoneNumber | NoNumber:
    """The number that these ASCII digits, with or without a leading `+`, are; or why they may not be dialled."""
    return everyday_number(digits, default_country) or judge_in_full(digits, default_country)


def everyday_number(digits: str, default_country: str) -> PhoneNumber | None:
    """The same answer as `judge_in_full` for plain fixed and mobile numbers, twenty times as fast; None for all others."""
    if digits.startswith("+"):
        return _abroad(digits)
    home = _plan_of_country(default_country) if digits.startswith("0") else None
    if home is None or not home.has_prefix_0:
        return None
    return _abroad(f"+{digits[2:]}") if digits.startswith("00") else home.number(digits)


def _abroad(number: str) -> PhoneNumber | None:
    for length in range(1, _LONGEST_CODE + 1):
        plan = _plan_of_code(number[1 : 1 + length])
        if plan is not None:
            return plan.number(number)
    return None


@lru_cache(maxsize=16384)
def judge_in_full(digits: str, default_country: str) -> PhoneNumber | NoNumber:
    """As `judge`, by the library alone."""
    parsed = _parse(digits, default_country)
    kind = PhoneNumberType.UNKNOWN if parsed is None else phonenumbers.number_type(parsed)
    if kind == PhoneNumberType.UNKNOWN and digits.startswith("00"):
        # Where 00 is not the way to dial abroad, people write it all the same (rules.md row 17).
        parsed = _parse(f"+{digits[2:]}", default_country)
        kind = PhoneNumberType.UNKNOWN if parsed is None else phonenumbers.number_type(parsed)
    if parsed is None or kind == PhoneNumberType.UNKNOWN:
        return NoNumber(_what_is_wrong(digits, parsed, default_country))
    if kind in _NEVER_DIALLED:
        return NoNumber(_NEVER_DIALLED[kind])
    country = phonenumbers.region_code_for_number(parsed) or ""
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return PhoneNumber(e164, "" if country == _NO_COUNTRY else country)


def _parse(digits: str, default_country: str) -> ParsedNumber | None:
    try:
        return phonenumbers.parse(digits, default_country)
    except NumberParseException:
        return None


def _what_is_wrong(digits: str, parsed: ParsedNumber | None, default_country: str) -> str:
    if len(digits) <= _LONGEST_SHORT and parsed is not None and _is_short_number(digits, parsed, default_country):
        return "an emergency or short number, never dialled"
    possible = None if parsed is None else phonenumbers.is_possible_number_with_reason(parsed)
    if possible == ValidationResult.TOO_LONG:
        return "too many digits"
    return "too few digits" if possible == ValidationResult.TOO_SHORT else "not a valid number"


def _is_short_number(digits: str, parsed: ParsedNumber, default_country: str) -> bool:
    return shortnumberinfo.is_emergency_number(digits, default_country) or shortnumberinfo.is_valid_short_number(parsed)


@lru_cache(maxsize=512)
def _plan_of_code(code: str) -> _Plan | None:
    countries = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code.isdigit() else ()
    return _plan_of_country(countries[0]) if len(countries) == 1 else None


@lru_cache(maxsize=512)
def _plan_of_country(country: str) -> _Plan | None:
    """None for countries that share their code with others: there the prefix decides whose number it is."""
    plan = PhoneMetadata.metadata_for_region(country) if country in phonenumbers.SUPPORTED_REGIONS else None
    if plan is None or len(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(plan.country_code or 0, ())) != 1:
        return None
    everyday = [desc for desc in (plan.mobile, plan.fixed_line) if desc and desc.national_number_pattern]
    never = [desc for desc in (plan.premium_rate, plan.shared_cost) if desc and desc.national_number_pattern]
    has_prefix_0 = plan.national_prefix_for_parsing == "0" and plan.international_prefix == "00"
    code = str(plan.country_code)
    prefixes = rf"\+{code}|00{code}|0" if has_prefix_0 else rf"\+{code}"
    return _Plan(
        country,
        code,
        re.compile(f"(?:{prefixes})(?!0)(?:{_any_of(never)}|(?P<national>{_any_of(everyday)}))", re.ASCII),
        frozenset(length for desc in everyday for length in desc.possible_length),
        has_prefix_0,
    )


def _any_of(descriptions: list[PhoneNumberDesc]) -> str:
    """A pattern that matches nothing when there are none."""
    return "|".join(f"(?:{desc.national_number_pattern})" for desc in descriptions) or "(?!)"
