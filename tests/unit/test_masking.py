"""What leaves the service in a log holds no secret and no person."""

import ast
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from autodialer import masking
from autodialer.domain.record import Record, RecordKey, RecordType
from autodialer.masking import _LOOKED_AT, HIDDEN, Masker

SECRET = "canary/0123 secret+value"

PHONES = [
    "+40712345678",
    "+40 712 345 678",
    "+1 (415) 555-2671",
    "tel:+40712345678",
    "0040712345678",
    "0712345678",
    "0712 345 678",
    "0712.345.678",
    "(021) 312-3456",
    "40712345678",
    "7123456",
    "%2B40712345678",
]


@pytest.mark.parametrize("phone", PHONES)
@pytest.mark.parametrize("sentence", ["{}", "calling {} now", '{{"to":"{}"}}', "no route to {}.", "x={}&y=1", "[{}]"])
def test_a_phone_number_in_a_text_is_masked(phone: str, sentence: str) -> None:
    masked = Masker().text(sentence.format(phone))
    digits = "".join(filter(str.isdigit, masked.removesuffix("&y=1")))
    assert len(digits) <= 4, masked


@pytest.mark.parametrize(
    "harmless",
    [
        "Lead 4150868000000002175",
        "4150868000000002175",
        "Contact 1000001",
        "PUT /crm/v8/Leads/1000001",
        "2026-01-13T08:26:58.123Z",
        "2026-01-13 08:26:58",
        "2026-01-13T08:26:58+02:00",
        "2026-01-13",
        "03cc8cac-376b-11ef-a28b-0582ff0039d5",
        "12345678-1234-1234-1234-123456789012",
        "att_0123456789",
        "9f86d081884c7d659a2feaa0c55ad015",
        "127.0.0.1:54321",
        "1768291618.123456",
        "code -9999 after 15000 ms",
        "12 of 345 records",
        "CRON_HOURS=10 14 18",
        "name resolution failed",
        "API_TOKEN is missing",
    ],
)
def test_ids_instants_and_counts_stay_readable(harmless: str) -> None:
    assert Masker().text(harmless) == harmless


@pytest.mark.parametrize("secret", ["canary/secret+value=", "1000.abcdef.ghijkl"])
@pytest.mark.parametrize("text", ["{}", "at https://h/x?t={}", "é {} é"])
def test_a_registered_secret_is_hidden_wherever_it_stands(secret: str, text: str) -> None:
    masker = Masker()
    masker.register([secret, None, "", "ab"])
    assert secret not in masker.text(text.format(secret))
    assert HIDDEN in masker.text(text.format(secret))


def test_a_registered_secret_is_hidden_percent_encoded_too() -> None:
    masker = Masker()
    masker.register(["canary/secret value"])
    assert "canary" not in masker.text("?x=canary%2Fsecret%20value&y=canary%2Fsecret+value")


def test_a_short_value_is_not_taken_for_a_secret() -> None:
    masker = Masker()
    masker.register(["run"])
    assert masker.text("run opened") == "run opened"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer canary-token",
        "{'Authorization': 'Zoho-oauthtoken canary-token'}",
        "POST /oauth/v2/token?refresh_token=canary-token&grant_type=refresh_token",
        '{"access_token":"canary-token","expires_in":3600}',
        '"{\\"client_secret\\":\\"canary-token\\"}"',
        "client_secret='canary-token'",
        "postgresql://dialer:canary-token@db/ledger",
        "EIGHTX8_API_KEY=canary-token",
        "Cookie: session=canary-token",
    ],
)
def test_what_is_called_a_token_in_a_text_is_hidden(text: str) -> None:
    assert "canary" not in Masker().text(text)


@pytest.mark.parametrize(
    "text", ["name='Ana Canary'", '{"Last_Name": "Canary"}', "{'First_Name':'Canary'}", "canary@example.org"]
)
def test_a_name_or_address_in_a_text_is_hidden(text: str) -> None:
    assert "Canary" not in Masker().text(text)
    assert "canary" not in Masker().text(text)


@pytest.mark.parametrize(
    "key",
    [
        "token",
        "api_token",
        "Authorization",
        "client_secret",
        "password",
        "refresh_token",
        "api_key",
        "apiKey",
        "email",
        "phone",
        "Mobile",
        "number",
        "masked_number",
        "caller_id",
        "eightx8_caller_id",
        "name",
        "last_name",
        "fullName",
    ],
)
def test_a_key_that_promises_something_private_hides_its_value(key: str) -> None:
    masker = Masker()
    assert "anary" not in str(masker.value(key, "Canary"))
    assert "071234" not in str(masker.value(key, "0712345678"))
    assert "anary" not in str(masker.value("request", {"inner": [{key: "Canary"}]}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("zoho_id", "40712345678"),
        ("attempt_id", "0123456789"),
        ("started_at", "20260113"),
        ("attempt_number", 7),
        ("processed", 12_345_678),
        ("token_valid", True),
        ("duration", 1234567.5),
        ("logger_name", "autodialer.store"),
        ("field_name", "Lead_Status"),
        ("number", "+40…78"),
        ("name", None),
    ],
)
def test_a_harmless_value_stays_as_it_is(key: str, value: object) -> None:
    assert Masker().value(key, value) == value


def test_a_phone_number_keeps_country_and_end_as_everywhere_in_the_service() -> None:
    assert Masker().value("number", "+40 712 345 678") == "+40…78"
    assert Masker().value("number", "0712345678") == "…78"
    assert Masker().value("to", 40712345678) == "…78"


def test_a_record_is_logged_without_the_person() -> None:
    key = RecordKey(RecordType.LEAD, "4150868000000002175")
    record = Record(key, status="New", phone="0712345678", mobile="+40712345678", name="Ana Canary")
    logged = str(Masker().value("record", record))
    assert "Lead 4150868000000002175" in logged
    assert "New" in logged
    for private in ("Ana", "Canary", "0712345678", "40712345678"):
        assert private not in logged
        assert private not in Masker().text(f"could not read {record}")


def test_a_line_can_not_be_forged_or_coloured() -> None:
    assert Masker().text("a\r\nINFO b\x1b[31m\u2028c\u202e") == r"a\r\nINFO b\x1b[31m\u2028c\u202e"


def test_a_traceback_keeps_its_lines_and_nothing_else() -> None:
    assert Masker().value("exception", "one\ntwo\r\x1b[0m +40712345678") == "one\ntwo\\r\\x1b[0m +40…78"


def test_a_value_that_can_not_be_printed_costs_only_itself() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

    assert Masker().value("x", {"bad": Hostile(), "good": 1}) == {"bad": "<unprintable Hostile>", "good": 1}


def test_a_value_that_holds_itself_ends() -> None:
    loop: list[object] = ["+40712345678"]
    loop.append(loop)
    assert "712345678" not in str(Masker().value("x", loop))


@pytest.mark.parametrize(
    "piece",
    [
        *("1 ", "12-", "a", "\\", "'", "name='", "token=", "+4 ", "x@", "://a:", "é", "(1"),
        *(
            "token",
            "tokena",
            "cookie_",
            "token ",
            "token='\\",
            'token="\\"',
            'token=\\"',
            "a.",
            "Bearer ",
            "x@a.",
            "1.",
        ),
    ],
)
@pytest.mark.parametrize("begin", ["=", "token='", "x@", "(+"])
def test_masking_a_long_text_takes_no_long_time(piece: str, begin: str) -> None:
    text = begin + piece * (60_000 // len(piece))
    started = time.perf_counter()
    Masker().text(text)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer {}",
        "token='it is {}",
        'password="\\"{}',
        '{{\\"token\\":\\"a {}',
        "?api_key={}",
        "://u:{}@h",
        "{}",
    ],
)
def test_a_long_text_is_cut_and_no_secret_that_the_cut_goes_through_is_shown_in_part(secret: str) -> None:
    masker = Masker()
    masker.register([SECRET])
    hidden = secret.format(SECRET)
    for before in range(_LOOKED_AT - len(hidden) - 2, _LOOKED_AT + 2):
        shown = masker.value("path", "(" * before + hidden + " and more")
        assert isinstance(shown, str)
        assert SECRET[:4] not in shown
        assert len(shown) < _LOOKED_AT
    assert masker.beginning("/a/b" * 10_000, 9) == "/a/b/a/b/"


@pytest.mark.parametrize(
    "text", ["token='canary and no end", 'a_token_b: "canary \\', "first_name='canary", "mytokentoken=canary"]
)
def test_a_secret_without_its_closing_quote_is_hidden_to_the_end(text: str) -> None:
    assert "canary" not in Masker().text(text)


def test_a_record_that_is_logged_shows_nobody_s_number_or_name() -> None:
    record = Record(RecordKey(RecordType.LEAD, "4150868000000002175"), "New", phone="+40712345678", name="Ana Pop")
    shown = Masker().value("record", record)
    assert isinstance(shown, dict)
    assert shown["key"] == "Lead 4150868000000002175"
    assert shown["phone"] == "+40…78"
    assert "Pop" not in str(shown)


def test_values_of_other_types_become_text() -> None:
    @dataclass
    class Call:
        number: str
        took: int

    assert Masker().value("call", Call("+40712345678", 3)) == {"number": "+40…78", "took": 3}
    assert Masker().value("body", b'{"phone":"0712345678"}') == '{"phone":"…78"}'
    assert Masker().value("key", SecretStr("canary")) == "**********"


@pytest.mark.parametrize("key", ["session_id", "call_id"])
def test_an_id_that_a_stranger_chose_hides_a_number_and_words(key: str) -> None:
    masker = Masker()
    assert "Popescu" not in str(masker.value(key, "0709123456 Ion Popescu"))
    assert "0709123456" not in str(masker.value(key, "0709123456"))
    for known in ("64ff16e6-5fb0-4ff6-b8a5-c4f8a2d0a0f1", "int-15dca3b9fe5-NDMd4ycvx7YsHBcT8ucpAgtdy"):
        assert masker.value(key, known) == known


def sentences(source: str) -> Iterator[str]:
    """What a module may say: its texts of more than one word, but what documents it."""
    tree = ast.parse(source)
    documenting = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "that" for part in node.values)
        elif isinstance(node, ast.Constant) and id(node) not in documenting | inner:
            text = str(node.value)
        if " " in text:
            yield text


@pytest.mark.parametrize("folder", ["zoho", "eightx8", "contact_center", "telephony_http", "service"])
def test_no_word_of_our_own_sentences_is_taken_for_a_secret(folder: str) -> None:
    """ "ZOHO_CLIENT_SECRET: it is wrong" would be told as "ZOHO_CLIENT_SECRET: *** is wrong", in the log and by doctor."""
    root = Path(masking.__file__).parent / folder
    said = {text for path in root.rglob("*.py") for text in sentences(path.read_text("utf-8"))}
    schemes = {f"{scheme} that" for scheme in ("Bearer", "Basic", "Zoho-oauthtoken")}
    assert len(said) > 3
    assert sorted(text for text in said - schemes if HIDDEN in Masker().text(text)) == []
