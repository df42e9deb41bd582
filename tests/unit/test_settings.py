"""Every environment variable: its default, its forms, and what is said when it is wrong."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autodialer.bootstrap import remarks_on
from autodialer.domain.errors import SettingsError
from autodialer.settings import Settings, is_loopback_host, load_settings

REQUIRED = {
    "ZOHO_CLIENT_ID": "1000.CLIENT",
    "ZOHO_CLIENT_SECRET": "zoho-client-secret",
    "ZOHO_REFRESH_TOKEN": "1000.refresh-token",
    "EIGHTX8_API_KEY": "eightx8-api-key",
}
LONG, OTHER = "a-long-token-0123456789", "b-long-token-0123456789"
TOKENS = {"API_TOKEN": LONG, "CALLBACK_TOKEN": OTHER}
LOCAL = {
    "ZOHO_API_DOMAIN": "http://127.0.0.1:9090",
    "ZOHO_ACCOUNTS_URL": "http://localhost:9090",
    "EIGHTX8_BASE_URL": "http://[::1]:9091",
}
Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """The settings of an environment that holds these variables and no other."""
    known = {name.upper() for name in Settings.model_fields} | {"NODE_ENV"}

    def with_these(**variables: str) -> Settings:
        for name in [name for name in os.environ if name.upper() in known]:
            monkeypatch.delenv(name)
        monkeypatch.chdir(tmp_path)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return with_these


def problems(load: Load, **variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(**variables)
    assert caught.value.permanent
    assert all(problem in caught.value.message for problem in caught.value.problems)
    return caught.value.problems


def test_the_three_of_zoho_and_the_key_of_8x8_are_enough_to_start(load: Load) -> None:
    settings = load(**REQUIRED)
    assert (settings.listen_host, settings.port, settings.app_env) == ("127.0.0.1", 8080, "production")
    assert settings.zoho_api_domain == "https://www.zohoapis.com"
    assert settings.ledger_url == "sqlite:///data/call_logs.db"
    assert (settings.cron_hours, settings.timezone, settings.default_country) == ((10, 14, 18), "UTC", "RO")
    assert (settings.log_level, settings.log_dir) == ("info", Path("logs"))
    assert (settings.max_concurrent_calls, settings.calls_per_second) == (5, 1.0)
    assert (settings.result_timeout, settings.catch_up, settings.replica_lease) == (900, 1800, 6.0)
    assert settings.retention_days == 0
    assert settings.eightx8_base_url is settings.eightx8_export_url is settings.eightx8_callback_url is None
    assert (settings.zoho_trigger, settings.zoho_log_calls, settings.telephony) == ((), "off", "voice")
    assert (settings.dry_run, settings.eightx8_register_webhook, settings.clock) == (False, True, None)


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, "", "  ", "\t\n"])
def test_each_of_those_four_is_named_when_it_is_missing_or_blank(load: Load, name: str, value: str | None) -> None:
    rest = {other: given for other, given in REQUIRED.items() if other != name}
    (problem,) = problems(load, **rest, **({} if value is None else {name: value}))
    assert problem.startswith(f"{name} is missing")
    assert ".env" in problem


def test_every_problem_is_told_at_once_whatever_its_kind(load: Load) -> None:
    found = problems(
        load,
        ZOHO_CLIENT_ID="x",
        PORT="eighty",
        HOST="0.0.0.0",
        CALLBACK_TOKEN="short",
        CRON_HOURS="10 25",
        TIMEZONE="Mars/Base",
        CLOCK="2026-01-13T10:00:00Z",
        DATABASE_URL="mysql://user:hidden-password@host/db",
        POLICY_FILE="missing.toml",
        ZOHO_API_DOMAIN="https://zoho.example.com",
        CALLS_PER_SECOND="0",
        DRY_RUN="perhaps",
    )
    first_words = {problem.replace("=", " ").split()[0] for problem in found}
    assert first_words == {
        "ZOHO_CLIENT_SECRET", "ZOHO_REFRESH_TOKEN", "EIGHTX8_API_KEY", "PORT", "HOST", "CALLBACK_TOKEN", "CRON_HOURS",
        "TIMEZONE", "CLOCK", "DATABASE_URL", "POLICY_FILE", "ZOHO_API_DOMAIN", "CALLS_PER_SECOND", "DRY_RUN",
    }  # fmt: skip


WRONG = {
    "PORT": ["x", "-1", "65536", "80.5"],
    "APP_ENV": ["staging", "1"],
    "LOG_LEVEL": ["loud"],
    "CRON_HOURS": ["24", "-1", "10:30", "ten", "10 10", ",", "10.5", "٣"],
    "TIMEZONE": ["Mars/Base", "../../etc/passwd", "/etc/localtime", "Europe", "UTC+2"],
    "DEFAULT_COUNTRY": ["Romania", "ro", "R0"],
    "POLICY_FILE": ["missing.toml", "."],
    "DRY_RUN": ["perhaps", "2"],
    "CLOCK": ["now", "2026-13-01"],
    "ZOHO_API_DOMAIN": ["www.zohoapis.com", "ftp://www.zohoapis.com", "https://user:pw@www.zohoapis.com", "https://zoho.example.com"],
    "ZOHO_ACCOUNTS_URL": ["accounts.zoho.com", "https://a b"],
    "ZOHO_LOG_CALLS": ["on"],
    "TELEPHONY": ["pigeon"],
    "EIGHTX8_BASE_URL": ["voice.8x8.com", "https://voice.8x8.com?x=1"],
    "EIGHTX8_EXPORT_URL": ["voice.wavecell.com"],
    "EIGHTX8_CALLBACK_URL": ["example.com/api/callback", "ftp://example.com"],
    "EIGHTX8_SUBACCOUNT_ID": ["a", "a/b", "x" * 51],
    "EIGHTX8_CALLER_ID": ["Company", "+40 21 123", "0" * 16],
    "EIGHTX8_AGENT_NUMBER": ["sip:agent", "+"],
    "EIGHTX8_REGISTER_WEBHOOK": ["never"],
    "EIGHTX8_CC_TENANT": ["a/b", "a b"],
    "EIGHTX8_CC_QUEUE_ID": ["sales", "-1"],
    "EIGHTX8_CC_DIAL": ["national"],
    "EIGHTX8_CC_STREAM": ["https://pulsar-ws-euw2.8x8.com", "wss://host/path", "U"],
    "EIGHTX8_CC_SUBSCRIPTION": ["a/b", "x" * 61],
    "MAX_CONCURRENT_CALLS": ["0", "1001", "2.5"],
    "CALLS_PER_SECOND": ["0", "-1", "nan", "inf", "201"],
    "RESULT_TIMEOUT": ["0", "86401", "15m"],
    "CATCH_UP": ["-1", "86401"],
    "REPLICA_LEASE": ["0.9", "61", "6s"],
    "RETENTION_DAYS": ["-1", "1", "29", "36501", "90.5"],
    "DATABASE_URL": ["call_logs.db", "mysql://h/d", "sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://u:p@h:x/d"],
    "API_TOKEN": ["short", "two words in a token", "ünïcödé-token-0123456789"],
    "HOST": ["[::1]", "127.0.0.1:8080", "http://localhost"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_and_its_variable_named(load: Load, name: str, value: str) -> None:
    found = problems(load, **REQUIRED | {"CALLBACK_TOKEN": OTHER} | {name: value})
    assert any(problem.startswith(name) for problem in found)
    assert len(found) <= 2


@pytest.mark.parametrize("name", Settings.model_fields)
def test_an_empty_variable_means_its_default(load: Load, name: str) -> None:
    if name.upper() not in REQUIRED:
        assert load(**REQUIRED, **{name.upper(): ""}) == load(**REQUIRED) == load(**REQUIRED, **{name.upper(): "  "})


@pytest.mark.parametrize("text", ["9 13 17", "9,13,17", " 9, 13 ,17 ", "9  13\t17", "09 13 17"])
def test_hours_are_parted_by_blanks_or_commas(load: Load, text: str) -> None:
    assert load(**REQUIRED, CRON_HOURS=text).cron_hours == (9, 13, 17)


def test_app_env_wins_over_node_env(load: Load) -> None:
    assert load(**REQUIRED, NODE_ENV="development").development
    assert load(**REQUIRED, NODE_ENV="Development ").development
    assert not load(**REQUIRED, NODE_ENV="development", APP_ENV="production").development
    (problem,) = problems(load, **REQUIRED, NODE_ENV="test")
    assert "_ENV is wrong" in problem
    assert "'production' or 'development'" in problem


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.5", "example.com", "127.0.0.1.example.com", "localhost.example"]
)
def test_any_other_address_than_this_machines_own_needs_a_token(load: Load, host: str) -> None:
    (problem,) = problems(load, **REQUIRED, HOST=host)
    assert problem.startswith(f"HOST={host} needs API_TOKEN")
    assert "secrets.token_urlsafe" in problem
    assert load(**REQUIRED, **TOKENS, HOST=host).listen_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "LOCALHOST", "::1"])
def test_this_machines_own_addresses_need_no_token(load: Load, host: str) -> None:
    assert load(**REQUIRED, HOST=host).listen_host == host
    assert is_loopback_host(host)


def test_with_a_token_every_address_is_listened_on_unless_host_says_otherwise(load: Load) -> None:
    assert load(**REQUIRED, **TOKENS).listen_host == "0.0.0.0"
    assert load(**REQUIRED, **TOKENS, HOST="127.0.0.1").listen_host == "127.0.0.1"


def test_api_token_asks_for_a_callback_token_of_its_own(load: Load) -> None:
    (problem,) = problems(load, **REQUIRED, API_TOKEN=LONG)
    assert problem.startswith("CALLBACK_TOKEN is missing")
    (problem,) = problems(load, **REQUIRED, API_TOKEN=LONG, CALLBACK_TOKEN=LONG)
    assert problem.startswith("CALLBACK_TOKEN must differ")
    assert load(**REQUIRED, CALLBACK_TOKEN=OTHER).listen_host == "127.0.0.1"


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_has_16_characters_at_least(load: Load, name: str) -> None:
    (problem,) = problems(load, **REQUIRED, **TOKENS | {name: "x" * 15})
    assert problem.startswith(f"{name} is too short")
    load(**REQUIRED, **TOKENS | {name: "x" * 16})


def test_clock_is_taken_with_loopback_addresses_only(load: Load) -> None:
    start = "2026-01-13T09:59:00Z"
    assert load(**REQUIRED, **LOCAL, CLOCK=start).clock == datetime(2026, 1, 13, 9, 59, tzinfo=UTC)
    for name in (*LOCAL, "EIGHTX8_EXPORT_URL"):
        for url in ("https://www.zohoapis.com", "http://127.0.0.1.example.com", "http://10.0.0.1"):
            found = problems(load, **REQUIRED, **LOCAL | {name: url}, CLOCK=start)
            assert any(problem.startswith("CLOCK is for trials only") and name in problem for problem in found)
    found = problems(load, **REQUIRED, CLOCK=start)
    assert [name for name in LOCAL if not any(name in problem for problem in found)] == []


def test_clock_asks_for_a_stream_on_this_machine_too_where_one_is_listened_to(load: Load) -> None:
    contact_center = {**REQUIRED, **LOCAL, "TELEPHONY": "Contact_Center", "CLOCK": "2026-01-13T09:59:00Z"}
    assert load(**contact_center, EIGHTX8_CC_STREAM="ws://127.0.0.1:9091").telephony == "contact_center"
    for stream in ("UK3", "", "wss://pulsar-ws-euw2.8x8.com"):
        (problem,) = problems(load, **contact_center, EIGHTX8_CC_STREAM=stream)
        assert problem.startswith("CLOCK is for trials only: EIGHTX8_CC_STREAM")


def test_agents_are_a_comma_list(load: Load) -> None:
    assert load(**REQUIRED, EIGHTX8_CC_AGENT_IDS=" ag1 , ag2,").eightx8_cc_agent_ids == ("ag1", "ag2")
    assert load(**REQUIRED).eightx8_cc_agent_ids == ()


@pytest.mark.parametrize(
    "text", ["2026-01-13T09:59:00Z", "2026-01-13T11:59:00+02:00", "2026-01-13T09:59:00", "2026-01-13 09:59"]
)
def test_clock_without_a_zone_is_utc(load: Load, text: str) -> None:
    assert load(**REQUIRED, **LOCAL, CLOCK=text).clock == datetime(2026, 1, 13, 9, 59, tzinfo=UTC)


@pytest.mark.parametrize("name", ["CLIENT_SECRET", "REFRESH_TOKEN"])
def test_a_secret_is_never_part_of_a_message_or_of_a_printed_settings_object(load: Load, name: str) -> None:
    secrets = {f"ZOHO_{name}": "very-secret-value-1", "EIGHTX8_API_KEY": "very-secret-value-2"}
    tokens = {"API_TOKEN": "very-secret", "CALLBACK_TOKEN": "very-secret 3"}
    database = {
        "DATABASE_URL": "postgresql://user:very-secret-value-4@host:port/db",
        "EIGHTX8_API_SECRET": "very-secret-value-5",
    }
    text = " ".join(problems(load, **REQUIRED | secrets | tokens | database, PORT="x", HOST="0.0.0.0"))
    assert "API_TOKEN" in text
    assert "DATABASE_URL" in text
    assert "very-secret" not in text
    good = load(**REQUIRED | secrets, **TOKENS, DATABASE_URL="postgresql://user:very-secret-value-4@host/db")
    assert "very-secret" not in f"{good!r} {good}"
    assert LONG not in repr(good)


def test_values_are_taken_without_the_blanks_around_them(load: Load) -> None:
    settings = load(**{name: f"  {value}\n" for name, value in REQUIRED.items()})
    assert settings.zoho_client_id == REQUIRED["ZOHO_CLIENT_ID"]
    assert settings.zoho_client_secret.get_secret_value() == REQUIRED["ZOHO_CLIENT_SECRET"]


def test_the_environment_wins_over_the_file_and_unknown_variables_are_nobodys_business(
    load: Load, tmp_path: Path
) -> None:
    lines = [f"{name}={value}" for name, value in REQUIRED.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, 'CRON_HOURS="8 9"', "PORT=8081", "NOT_OURS=1"]), encoding="utf-8")
    settings = load(PORT="8082", ALSO_NOT_OURS="1")
    assert (settings.port, settings.cron_hours) == (8082, (8, 9))


def test_database_url_wins_over_db_path_and_gets_its_driver(load: Load) -> None:
    assert load(**REQUIRED, DB_PATH="/var/lib/x.db").ledger_url == "sqlite:////var/lib/x.db"
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        settings = load(**REQUIRED, DB_PATH="x.db", DATABASE_URL=f"{scheme}://u:p@h/d")
        assert settings.ledger_url == "postgresql+psycopg://u:p@h/d"


def test_a_foreign_zoho_address_is_fine_once_its_accounts_server_is_named(load: Load) -> None:
    settings = load(
        **REQUIRED, ZOHO_API_DOMAIN="https://zoho.example.com", ZOHO_ACCOUNTS_URL="https://accounts.example.com"
    )
    assert settings.zoho_accounts_url == "https://accounts.example.com"
    for suffix in ("com", "eu", "in", "com.au", "jp", "ca"):
        load(**REQUIRED, ZOHO_API_DOMAIN=f"https://www.zohoapis.{suffix}")


@pytest.mark.parametrize("given", ["off", "notes", "Calls "])
def test_calls_are_logged_in_zoho_as_asked(load: Load, given: str) -> None:
    assert load(**REQUIRED, ZOHO_LOG_CALLS=given).zoho_log_calls == given.strip().lower()


def test_triggers_are_a_comma_list(load: Load) -> None:
    assert load(**REQUIRED, ZOHO_TRIGGER="workflow, blueprint ,").zoho_trigger == ("workflow", "blueprint")


@pytest.mark.parametrize("encoding", ["utf-16", "iso8859-16"])
def test_an_env_file_that_is_not_utf_8_is_named(load: Load, tmp_path: Path, encoding: str) -> None:
    (tmp_path / ".env").write_bytes("EIGHTX8_PROMPT=Bună ziua\n".encode(encoding))
    with pytest.raises(SettingsError, match=r"\.env is no UTF-8 text"):
        load(**REQUIRED)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("EIGHTX8_CALLBACK_URL", "https://[YOUR_HOST]/api/callback", "it must be an http"),
        ("ZOHO_API_DOMAIN", "http://[zoho]", "it must be an http"),
        ("ZOHO_ACCOUNTS_URL", "http://127.0.0.1:port", "it must be an http"),
        ("CLOCK", "0001-01-01T00:00:00+02:00", "within the calendar"),
        ("DB_PATH", ".", "is a folder"),
        ("DB_PATH", "./what?.db", "without \\?"),
        ("DRY_RUN", "perhaps", "it must be true or false"),
        ("RESULT_TIMEOUT", "soon", "it must be a whole number"),
        ("POLICY_FILE", ".", "is a folder, not a file"),
    ],
)
def test_a_value_that_can_not_be_used_is_named_with_what_it_must_be(
    load: Load, name: str, value: str, told: str
) -> None:
    with pytest.raises(SettingsError, match=f"{name}.*{told}"):
        load(**{**REQUIRED, name: value})


@pytest.mark.parametrize(
    ("telephony", "name", "open_url", "good_url"),
    [
        ("voice", "EIGHTX8_BASE_URL", "http://voice.8x8.com", "https://voice.8x8.com"),
        ("voice", "EIGHTX8_EXPORT_URL", "http://voice.wavecell.com", "http://127.0.0.1:9091"),
        ("contact_center", "EIGHTX8_BASE_URL", "http://vcc-eu3.8x8.com", "http://localhost:9091"),
        ("contact_center", "EIGHTX8_CC_STREAM", "ws://pulsar.8x8.com", "wss://pulsar.8x8.com"),
        ("contact_center", "EIGHTX8_CC_STREAM", "ws://10.0.0.7", "UK3"),
    ],
)
def test_an_address_of_8x8_to_which_the_key_would_go_unencrypted_is_told_of(
    load: Load, telephony: str, name: str, open_url: str, good_url: str
) -> None:
    def told(url: str) -> list[str]:
        remarks = remarks_on(load(**REQUIRED, TELEPHONY=telephony, **{name: url}))
        return [remark for remark in remarks if "not encrypted" in remark]

    (remark,) = told(open_url)
    assert remark.startswith(f"{name} is not encrypted")
    assert told(good_url) == []


@pytest.mark.parametrize(("name", "value", "fine"), [("RESULT_TIMEOUT", "15", "900"), ("CATCH_UP", "30", "0")])
def test_seconds_that_were_probably_meant_as_minutes_are_told_of(load: Load, name: str, value: str, fine: str) -> None:
    given = {**REQUIRED, "EIGHTX8_BASE_URL": "https://voice.8x8.com"}
    (remark,) = remarks_on(load(**given, **{name: value}))
    assert remark.startswith(f"{name}={value} is in seconds")
    assert remarks_on(load(**given, **{name: fine})) == []
    assert remarks_on(load(**{**given, "EIGHTX8_BASE_URL": "http://127.0.0.1:9091", name: value})) == []
