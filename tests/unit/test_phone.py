"""Phone fields: whatever people typed, at most one number comes out, and never one that nobody wrote."""

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from autodialer.domain.numbering import everyday_number, judge_in_full, number_at_home
from autodialer.domain.phone import (
    NoNumber,
    PhoneNumber,
    candidate_time_zones,
    choose_number,
    mask_number,
    read_number,
    read_numbers,
)

RO = PhoneNumber("+40712345678", "RO")
SECOND = PhoneNumber("+40722333444", "RO")
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
quick = settings(max_examples=200, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize(
    "written",
    [
        "0712345678",
        "0712 345 678",
        " 0712.345.678 ",
        "(0712) 345-678",
        "712345678",
        "40712345678",
        "+40712345678",
        "+ 40 712 345 678",
        "+40 (0)712 345 678",
        "(+40) 712345678",
        "+400712345678",
        "4 0712 345 678",
        "0040712345678",
        "00 40 712 345 678",
        "0712/345678",
        "0712\\345678",
        "0712–345–678",  # noqa: RUF001 - a dash that word processors put
        "0712\N{MINUS SIGN}345\N{MINUS SIGN}678",
        "0712\N{NO-BREAK SPACE}345\N{NO-BREAK SPACE}678",
        "0712_345_678",
        "0712\t345\t678",
        "tel:+40712345678",
        "tel. 0712 345 678",
        "Ana 0712345678",
        "0712345678 (mama)",
        "📞0712345678",
        "\N{LEFT-TO-RIGHT EMBEDDING}0712345678\N{POP DIRECTIONAL FORMATTING}",
        "０７１２３４５６７８",  # noqa: RUF001 - full-width digits
        "٠٧١٢٣٤٥٦٧٨",
        "since 12.05.2024 0712345678",
        "*21*0712345678#",
    ],
)
def test_a_number_is_read_however_it_is_written(written: str) -> None:
    assert read_number(written, "RO") == RO


@pytest.mark.parametrize(
    "extension",
    [
        " int. 12",
        " int 1234",
        " interior 12",
        " ext 12",
        " ext. 12",
        " extension 12",
        "x12",
        " x 12",
        ";ext=12",
        "#12",
        "~12",
    ],
)
def test_an_extension_is_not_dialled(extension: str) -> None:
    assert read_number(f"0712345678{extension}", "RO") == RO
    assert read_number(f"12{extension}", "RO") == NoNumber("too few digits")


@pytest.mark.parametrize(
    "between", [" / ", "/", ",", ", ", ";", " si ", "\n", " - ", " ", "-", " | ", "+4", " sau ", " & ", "  "]
)
def test_of_two_numbers_in_one_field_the_first_valid_one_is_dialled(between: str) -> None:
    assert read_number(f"0712345678{between}0722333444", "RO") == RO
    assert read_number(f"0712 345 678{between}0722 333 444", "RO") == RO


def test_of_two_numbers_a_premium_one_is_passed_over() -> None:
    assert read_number("0900 123 456 / 0722333444", "RO") == SECOND
    assert read_number("0712 / 0722333444", "RO") == SECOND


def test_a_slash_may_stand_inside_a_number_or_between_two() -> None:
    assert read_number("021/312.34.56", "RO") == PhoneNumber("+40213123456", "RO")
    assert read_number("0712345678/9", "RO") == RO
    assert read_number("+49 30 123456/7", "DE") == PhoneNumber("+4930123456", "DE")
    assert read_number("030/1234567", "DE") == PhoneNumber("+49301234567", "DE")


def test_an_extension_is_not_taken_for_a_number_where_numbers_are_as_short() -> None:
    assert read_number("999 / 5812345", "IS") == PhoneNumber("+3545812345", "IS")
    assert isinstance(read_number("999 ext. 5812345", "IS"), NoNumber)


def test_a_good_number_is_found_behind_many_bad_ones() -> None:
    assert read_number("1234567/" * 9 + "0712345678", "RO") == RO


def test_letters_never_become_digits() -> None:
    assert isinstance(read_number("0712 3 Maria", "RO"), NoNumber)
    assert isinstance(read_number("1-800-FLOWERS", "US"), NoNumber)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (None, "empty"),
        ("", "empty"),
        (" \t ", "empty"),
        ("\N{ZERO WIDTH SPACE}", "empty"),
        (712345678, "not text"),
        (["0712345678"], "not text"),
        ("n/a", "no digits"),
        ("😀", "no digits"),
        ("+", "no digits"),
        ("0712", "too few digits"),
        ("07123456789", "too many digits"),
        ("0999 999 999", "not a valid number"),
        ("0" * 100, "not a valid number"),
        ("1" * 10_000, "longer than 250 characters"),
        ("112", "an emergency or short number, never dialled"),
        ("1221", "an emergency or short number, never dialled"),
        ("0900 123 456", "a premium-rate number, never dialled"),
        ("0801 123 456", "a shared-cost number, never dialled"),
    ],
)
def test_a_field_without_a_number_says_what_is_wrong(written: object, reason: str) -> None:
    assert read_number(written, "RO") == NoNumber(reason)


def test_phone_wins_over_mobile_and_both_problems_are_told() -> None:
    assert choose_number("0712345678", "0722333444", "RO") == RO
    assert choose_number(None, "0722333444", "RO") == SECOND
    assert choose_number("112", "0722333444", "RO") == SECOND
    assert choose_number("112", None, "RO") == NoNumber(
        "Phone: an emergency or short number, never dialled; Mobile: empty"
    )


def test_national_numbers_belong_to_the_default_country() -> None:
    assert read_number("020 7946 0958", "GB") == PhoneNumber("+442079460958", "GB")
    assert isinstance(read_number("020 7946 0958", "RO"), NoNumber)
    assert read_number("00 40 712 345 678", "US") == RO
    assert isinstance(read_number("0712345678", "no country"), NoNumber)


def test_numbers_of_no_country_have_an_empty_one() -> None:
    assert read_number("+800 1234 5678", "RO") == PhoneNumber("+80012345678", "")


def _examples(kind: int) -> list[str]:
    numbers = [phonenumbers.example_number_for_type(region, kind) for region in REGIONS]
    return [phonenumbers.format_number(number, PhoneNumberFormat.E164) for number in numbers if number]


@pytest.mark.parametrize("kind", [PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST])
def test_premium_and_shared_cost_numbers_of_no_country_are_dialled(kind: int) -> None:
    examples = _examples(kind)
    assert len(examples) > 50
    assert [e164 for e164 in examples if isinstance(read_number(e164, "RO"), PhoneNumber)] == []


def test_emergency_numbers_of_no_country_are_dialled_in_that_country() -> None:
    dialled, tried = [], 0
    for region in REGIONS:
        short = PhoneMetadata.short_metadata_for_region(region)
        for desc in (short.emergency, short.short_code) if short else ():
            if desc and desc.example_number:
                tried += 1
                if isinstance(read_number(desc.example_number, region), PhoneNumber):
                    dialled.append((region, desc.example_number))
    assert tried > 400
    assert dialled == []


@pytest.mark.parametrize("kind", [PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE])
def test_everyday_numbers_of_every_country_are_read(kind: int) -> None:
    for e164 in _examples(kind):
        found = read_number(e164, "RO")
        assert isinstance(found, PhoneNumber)
        assert found.e164 == e164


def test_the_fast_way_knows_the_everyday_numbers_of_most_countries() -> None:
    examples = _examples(PhoneNumberType.MOBILE)
    assert sum(everyday_number(e164, "RO") is not None for e164 in examples) > 0.7 * len(examples)
    assert everyday_number("0712345678", "RO") == RO


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(REGIONS), st.sampled_from(["+", "0", "00", ""]), st.data())
def test_the_fast_way_never_says_anything_else_than_the_library(region: str, start: str, data: st.DataObject) -> None:
    code = str(phonenumbers.country_code_for_region(region)) if start in ("+", "00") else ""
    kind = data.draw(
        st.sampled_from([PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.PREMIUM_RATE])
    )
    like = phonenumbers.example_number_for_type(region, kind)
    national = str(like.national_number) if like else "712345678"
    kept = data.draw(st.integers(0, len(national)))
    digits = start + code + national[:kept] + data.draw(st.text("0123456789", max_size=12 - kept if kept < 12 else 0))
    fast = everyday_number(digits, region)
    assert fast is None or fast == judge_in_full(digits, region)


@quick
@given(
    st.sampled_from(["0712345678", "+40712345678", "0040312345678", "0906123456"]),
    st.integers(0, 13),
    st.text(max_size=2),
)
def test_a_number_in_one_piece_is_read_at_once_as_the_library_reads_it(number: str, place: int, typed: str) -> None:
    text = number[:place] + typed + number[place:]
    fast = number_at_home(text, "RO")
    assert fast is None or (fast == judge_in_full(text, "RO") and text.lstrip("+").isascii())
    assert number_at_home("0712345678", "RO") == RO


@quick
@given(st.none() | st.text(max_size=400), st.none() | st.text("0123456789+-/() .,x#", max_size=120))
@example("🇷🇴" * 5000, "\u202e" * 10_000)
@example("1/" * 125, "+12 " * 60)
@example("\ud800", "²³")
def test_choosing_a_number_is_total_and_what_comes_out_is_e164(phone: str | None, mobile: str | None) -> None:
    found = choose_number(phone, mobile, "RO")
    if isinstance(found, PhoneNumber):
        assert found.e164[0] == "+"
        assert found.e164[1:].isdigit()
        assert 7 <= len(found.e164) <= 16
        parsed = phonenumbers.parse(found.e164)
        assert phonenumbers.is_valid_number(parsed)
    else:
        assert found.reason.startswith("Phone: ")


@quick
@given(st.text("0123456789", min_size=4, max_size=20), st.text("0123456789", min_size=4, max_size=20))
def test_a_reason_never_contains_what_the_fields_held(phone: str, mobile: str) -> None:
    found = choose_number(phone, mobile, "RO")
    if isinstance(found, NoNumber):
        assert phone not in found.reason
        assert mobile not in found.reason


@quick
@given(
    st.lists(st.sampled_from(["0712345678", "0722 333 444", "0900 123 456", "112", "n/a", "+40213123456"]), min_size=1)
)
def test_only_a_number_that_stands_in_the_field_is_ever_dialled(entries: list[str]) -> None:
    found = read_number(", ".join(entries)[:250], "RO")
    allowed = {"+40712345678", "+40722333444", "+40213123456"}
    assert isinstance(found, NoNumber) or found.e164 in allowed


@quick
@given(st.text("0123456789+-/() .,;x#", max_size=60) | st.text(max_size=300), st.sampled_from(["RO", "DE", "US", "NO"]))
@example("0712345678 / 0722333444", "RO")
def test_of_all_numbers_of_a_text_the_first_is_the_one_that_is_dialled(text: str, country: str) -> None:
    first, found = read_number(text, country), read_numbers(text, country)
    if isinstance(first, NoNumber) or isinstance(found, NoNumber):
        assert first == found
    else:
        assert (first, len(found)) == (found[0], len(set(found)))


@quick
@given(
    st.lists(
        st.sampled_from(["0712345678", "0722 333 444", "0900 123 456", "112", "n/a", "+40213123456"]),
        min_size=1,
        max_size=17,
    ),
    st.sampled_from(["; ", ", ", " / ", "\n", " sau "]),
)
def test_every_number_that_stands_in_a_text_is_found(entries: list[str], between: str) -> None:
    found = read_numbers(between.join(entries), "RO")
    known = {"0712345678": RO, "0722 333 444": SECOND, "+40213123456": PhoneNumber("+40213123456", "RO")}
    assert set(() if isinstance(found, NoNumber) else found) == {known[entry] for entry in entries if entry in known}


@pytest.mark.parametrize(
    ("e164", "zones"),
    [
        ("+40712345678", ("Europe/Bucharest",)),
        ("+351912345678", ("Atlantic/Azores", "Europe/Lisbon")),
        ("+18504321234", ("America/Chicago",)),
        ("+870773111632", ()),
        ("+999123", ()),
        ("nonsense", ()),
    ],
)
def test_candidate_time_zones_follow_from_the_prefix(e164: str, zones: tuple[str, ...]) -> None:
    assert tuple(sorted(candidate_time_zones(PhoneNumber(e164, "")))) == zones


def test_a_masked_number_shows_three_characters_and_two() -> None:
    assert RO.masked == mask_number("+40712345678") == "+40…78"
    assert mask_number("112") == "…"
