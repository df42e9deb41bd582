"""Every environment variable of the service, typed; all problems at once.

Names and defaults: docs/settings in `.env.example`. Reading order: the environment, then `.env` in the working folder.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from autodialer.domain.errors import SettingsError
from autodialer.domain.record import RecordType
from autodialer.ledger_url import for_sqlalchemy, password_of, problem_of
from autodialer.settings_file import lines_not_understood
from autodialer.settings_sentences import sentence
from autodialer.settings_voice import VoiceFields, voice_problems
from autodialer.zoho.oauth import accounts_url_for

TOKEN_HINT = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"  # noqa: S105 - a hint, no secret
_MIN_TOKEN = 16
_FEWEST_DAYS = 30  # service.pruning.KEEP_AT_LEAST


def _hours(value: object) -> object:
    if isinstance(value, str):
        return tuple(
            int(part) if part.isascii() and part.isdigit() else part for part in value.replace(",", " ").split()
        )
    return value


def _names(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _instant(value: object) -> object:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("must be an ISO 8601 instant such as 2026-01-13T09:59:00Z") from error
        try:
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except OverflowError as error:
            raise ValueError("must be an instant within the calendar, such as 2026-01-13T09:59:00Z") from error
    return value


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:  # brackets that hold no IPv6 address, a port that is no number
        raise ValueError(f"is no URL: {error}") from error
    if not parts.hostname:
        raise ValueError("names no host")
    return value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Hour = Annotated[int, Field(ge=0, le=23)]
Hours = Annotated[tuple[Hour, ...], NoDecode, BeforeValidator(_hours), Field(min_length=1)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"), AfterValidator(_url)]


class Settings(VoiceFields, BaseSettings):
    """The settings of one process. Built by `load_settings`, which also checks how they fit together."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: Any) -> Any:
        """What was pasted with blanks around it means the same without them, and nothing but blanks means the default."""
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        return {name: value for name, value in stripped.items() if value != ""}

    # the service
    host: str | None = None
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    app_env: Annotated[Literal["production", "development"], BeforeValidator(_lower)] = Field(
        "production", validation_alias=AliasChoices("app_env", "node_env")
    )
    api_token: SecretStr | None = None
    callback_token: SecretStr | None = None
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    log_dir: Path = Path("./logs")
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 0.0
    clock: Instant | None = None

    # the ledger
    db_path: Path = Path("./data/call_logs.db")
    database_url: SecretStr | None = None
    retention_days: Annotated[int, Field(ge=0, le=36500)] = 0

    # the rules
    cron_hours: Hours = (10, 14, 18)
    timezone: str = "UTC"
    default_country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "RO"
    policy_file: Path | None = None
    dry_run: bool = False

    # Zoho CRM
    zoho_client_id: str
    zoho_client_secret: SecretStr
    zoho_refresh_token: SecretStr
    zoho_api_domain: Url = "https://www.zohoapis.com"
    zoho_accounts_url: Url | None = None
    zoho_leads_status_field: str | None = None
    zoho_contacts_status_field: str | None = None
    zoho_leads_call_attempts_field: str | None = None
    zoho_contacts_call_attempts_field: str | None = None
    zoho_leads_first_no_answer_field: str | None = None
    zoho_contacts_first_no_answer_field: str | None = None
    zoho_leads_phone_field: str | None = None
    zoho_contacts_phone_field: str | None = None
    zoho_leads_mobile_field: str | None = None
    zoho_contacts_mobile_field: str | None = None
    zoho_trigger: Names = ()
    zoho_daily_credits: Annotated[int, Field(ge=1)] = 50_000
    zoho_credit_reserve: Annotated[int, Field(ge=0, le=90)] = 10
    zoho_log_calls: Annotated[Literal["off", "notes", "calls"], BeforeValidator(_lower)] = "off"

    # 8x8
    telephony: Annotated[Literal["voice", "contact_center"], BeforeValidator(_lower)] = "voice"
    eightx8_api_key: SecretStr
    eightx8_api_secret: SecretStr | None = None
    eightx8_base_url: Url | None = None
    eightx8_export_url: Url | None = None
    eightx8_callback_url: Annotated[str, Field(pattern=r"^https?://\S+$"), AfterValidator(_url)] | None = None
    eightx8_subaccount_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9\-._&]{3,50}$")] | None = None
    eightx8_register_webhook: bool = True
    eightx8_cc_tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = None
    eightx8_cc_agent_ids: Names = ()
    eightx8_cc_queue_id: Annotated[str, Field(pattern=r"^[0-9]{1,10}$")] | None = None
    eightx8_cc_dial: Annotated[Literal["e164", "digits"], BeforeValidator(_lower)] = "e164"
    eightx8_cc_stream: Annotated[str, Field(pattern=r"^([A-Za-z0-9]{2,10}|wss?://[^\s/?#@]+)/?$")] | None = None
    eightx8_cc_subscription: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,60}$")] = "autodialer"

    # pace and patience
    max_concurrent_calls: Annotated[int, Field(ge=1, le=1000)] = 5
    calls_per_second: Annotated[float, Field(gt=0, le=200)] = 1.0
    result_timeout: Annotated[int, Field(ge=1, le=86400)] = 900
    replica_lease: Annotated[float, Field(ge=1, le=60)] = 6.0
    catch_up: Annotated[int, Field(ge=0, le=86400)] = 1800

    @property
    def listen_host(self) -> str:
        """The address to listen on: loopback without API_TOKEN, else every interface, unless HOST says otherwise."""
        return self.host or ("0.0.0.0" if self.api_token else "127.0.0.1")  # noqa: S104 - only with a token

    @property
    def development(self) -> bool:
        """Readable console logs, inner errors in 500 answers."""
        return self.app_env == "development"

    @property
    def ledger_url(self) -> str:
        """The SQLAlchemy URL of the ledger; may hold a password."""
        if self.database_url is None:
            return f"sqlite:///{self.db_path}"
        return for_sqlalchemy(self.database_url.get_secret_value())

    def field_names(self, kind: str) -> dict[RecordType, str | None]:
        """The configured CRM field of one kind (`status`, `call_attempts`, …) for each module."""
        return {
            RecordType.LEAD: getattr(self, f"zoho_leads_{kind}_field"),
            RecordType.CONTACT: getattr(self, f"zoho_contacts_{kind}_field"),
        }


def load_settings(**overrides: object) -> Settings:
    """Read and check the settings. SettingsError names every problem."""
    settings, problems = _read(overrides)
    for check in (
        _access_problems,
        _clock_problems,
        _rule_problems,
        _ledger_problems,
        _crm_problems,
        voice_problems,
    ):
        problems += check(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def load_rule_settings() -> Settings:
    """The settings of a command that asks neither Zoho nor 8x8: what those need may be missing. SettingsError for all else."""
    settings, problems = _read({})
    required = {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}
    problems = [problem for problem in problems if problem.partition(" is missing")[0] not in required]
    problems += _rule_problems(settings) + _ledger_problems(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def _read(overrides: Mapping[str, object]) -> tuple[Settings, list[str]]:
    """The settings and what is wrong with each by itself; wrong ones are replaced, so that the rest can still be checked."""
    problems = [] if "_env_file" in overrides else lines_not_understood()
    try:
        return Settings(**overrides), problems  # type: ignore[arg-type]  # pydantic checks them, that is its job here
    except ValidationError as error:
        wrong = error.errors()
    problems += dict.fromkeys(sentence(item["loc"], item["msg"], item["type"]) for item in wrong)
    names = {str(item["loc"][0]).lower() for item in wrong if item["loc"]}
    names = {"app_env" if name == "node_env" else name for name in names}
    stand_ins = {name: _stand_in(name) for name in names if name in Settings.model_fields}
    try:
        return Settings(**{**overrides, **stand_ins}), problems  # type: ignore[arg-type]  # as above
    except ValidationError:
        raise SettingsError(problems) from None


def _stand_in(name: str) -> object:
    field = Settings.model_fields[name]
    return "x" if field.is_required() else field.get_default()


def _access_problems(settings: Settings) -> list[str]:
    problems = []
    if settings.host and not re.fullmatch(r"[A-Za-z0-9.:_-]+", settings.host):
        problems.append("HOST must be an address or a name, without brackets, port or path, such as 127.0.0.1 or ::1")
    if settings.api_token is None and not is_loopback_host(settings.listen_host):
        problems.append(f"HOST={settings.listen_host} needs API_TOKEN, or anybody could start calls: {TOKEN_HINT}")
    if settings.api_token is not None and settings.callback_token is None:
        problems.append(f"CALLBACK_TOKEN is missing: with API_TOKEN, callbacks need a token of their own; {TOKEN_HINT}")
    tokens = {"API_TOKEN": settings.api_token, "CALLBACK_TOKEN": settings.callback_token}
    problems += [
        f"{name} is too short ({_MIN_TOKEN} characters at least): {TOKEN_HINT}"
        for name, token in tokens.items()
        if token is not None and len(token.get_secret_value()) < _MIN_TOKEN
    ]
    problems += [
        f"{name} must be printable ASCII without blanks, as a header can carry it: {TOKEN_HINT}"
        for name, token in tokens.items()
        if token is not None and not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value())
    ]
    if settings.api_token is not None and settings.api_token == settings.callback_token:
        problems.append(
            f"CALLBACK_TOKEN must differ from API_TOKEN: 8x8 is told the one, never the other; {TOKEN_HINT}"
        )
    return problems


def _clock_problems(settings: Settings) -> list[str]:
    if settings.clock is None:
        return []
    urls = {
        "ZOHO_API_DOMAIN": settings.zoho_api_domain,
        "ZOHO_ACCOUNTS_URL": settings.zoho_accounts_url,
        "EIGHTX8_BASE_URL": settings.eightx8_base_url,
    }
    if settings.eightx8_export_url is not None:
        urls["EIGHTX8_EXPORT_URL"] = settings.eightx8_export_url
    if settings.telephony == "contact_center":
        urls["EIGHTX8_CC_STREAM"] = settings.eightx8_cc_stream
    return [
        f"CLOCK is for trials only: {name} must then be a loopback URL such as http://127.0.0.1:9090"
        for name, url in urls.items()
        if url is None or not is_loopback_host(urlsplit(url).hostname or "")
    ]


def _rule_problems(settings: Settings) -> list[str]:
    problems = []
    try:
        ZoneInfo(settings.timezone)
    except (KeyError, ValueError, OSError):
        problems.append(
            f"TIMEZONE={settings.timezone} is no zone of the IANA database, such as UTC or Europe/Bucharest"
        )
    if len(set(settings.cron_hours)) != len(settings.cron_hours):
        problems.append("CRON_HOURS names an hour twice")
    if settings.policy_file is not None and not settings.policy_file.is_file():
        what = "is a folder, not a file" if settings.policy_file.is_dir() else "does not exist"
        problems.append(f"POLICY_FILE={settings.policy_file} {what}")
    return problems


def _ledger_problems(settings: Settings) -> list[str]:
    """Never shows the URL: it may hold a password."""
    kept = settings.retention_days
    problems = [f"RETENTION_DAYS={kept} is too few: 0 keeps all, else 30 or more"] if 0 < kept < _FEWEST_DAYS else []
    return [*problems, *_url_problems(settings)]


def _url_problems(settings: Settings) -> list[str]:
    if settings.database_url is None:
        return _path_problems(settings.db_path)
    problem = problem_of(settings.database_url.get_secret_value())
    return [problem] if problem else []


def _path_problems(path: Path) -> list[str]:
    if path.name == "" or path.is_dir():
        return [f"DB_PATH={path} is a folder: name a file, such as ./data/call_logs.db"]
    if set("?\0") & set(str(path)):
        return ["DB_PATH must be the name of a file without ? and NUL"]
    return []


def read_ledger_url(text: str) -> str | None:
    """The SQLAlchemy URL that a URL of DATABASE_URL's kind, or the path of an SQLite file, means; None when it is neither."""
    url = text.strip() if "://" in text else f"sqlite:///{text.strip()}"
    return None if problem_of(url) else for_sqlalchemy(url)


def _crm_problems(settings: Settings) -> list[str]:
    if settings.zoho_accounts_url is None and accounts_url_for(settings.zoho_api_domain) is None:
        known = "https://www.zohoapis.com, .eu, .in …"
        given = settings.zoho_api_domain
        return [
            f"ZOHO_API_DOMAIN={given} is none of Zoho's data centres ({known}): correct it, or set ZOHO_ACCOUNTS_URL too"
        ]
    return []


def secrets_of(settings: Settings) -> list[str]:
    """Every secret value, for the masking of logs."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    password = password_of(settings.database_url.get_secret_value()) if settings.database_url else None
    return [*found, password] if password else found


def is_loopback_host(host: str) -> bool:
    """Whether `host` is this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
