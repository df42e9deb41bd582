"""The one place that knows concrete classes: from settings to a service that is ready to start."""

import os
import socket
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI
from pydantic import SecretStr

from autodialer.clock import ShiftedClock, SystemClock
from autodialer.contact_center.config import ALL_AGENTS, ContactCenterConfig
from autodialer.domain.activity import LogCalls
from autodialer.domain.errors import StoreError
from autodialer.domain.identity import sealed
from autodialer.eightx8.client import VoiceTelephony
from autodialer.eightx8.config import VoiceConfig, resolve_base_url
from autodialer.eightx8.press1 import Press1
from autodialer.other_product import reader_of_the_other
from autodialer.ports import Finding, Level
from autodialer.ports.ledger import Store
from autodialer.ports.questions import Interviewer
from autodialer.rules.policy import Policy
from autodialer.service.budget import Budget
from autodialer.service.means import Means
from autodialer.service.services import PolicySource, Services, wire
from autodialer.service.upstreams import EIGHTX8, ZOHO, Upstream
from autodialer.settings import Settings, is_loopback_host
from autodialer.settings_file import names_without_effect
from autodialer.settings_sentences import hasty
from autodialer.store.engine import Database
from autodialer.store.identity import name_of
from autodialer.store.ledger import SqlStore
from autodialer.store.migrate import check_version, migrate
from autodialer.store.tables import metadata
from autodialer.store.tokens import SqlTokenStore
from autodialer.web.app import WebConfig, create_app
from autodialer.web.lane import CallbackLane
from autodialer.web.origins import Origins
from autodialer.zoho.client import ZohoCrm
from autodialer.zoho.config import ZohoConfig

if TYPE_CHECKING:
    from autodialer.contact_center.client import ContactCenterTelephony


@dataclass(frozen=True, slots=True)
class System:
    """Everything of one process, open. Made by `open_system`, closed with it."""

    settings: Settings
    policy: Policy
    database: Database
    store: SqlStore
    crm: ZohoCrm
    telephony: "VoiceTelephony | ContactCenterTelephony"
    services: Services

    def web(self) -> FastAPI:
        """The HTTP application."""
        config = WebConfig(
            api_token=_secret(self.settings.api_token),
            callback_token=_secret(self.settings.callback_token),
            development=self.settings.development,
            dry_run=self.settings.dry_run,
            check_schema=lambda: self.database.read(check_version),
            origins=origins_of(self.settings),
        )
        return create_app(self.services, config)

    def lane(self) -> CallbackLane | None:
        """The short way for callbacks; None without CALLBACK_TOKEN: then each request's origin is looked at."""
        token, services = _secret(self.settings.callback_token), self.services
        if not token:
            return None
        origins = origins_of(self.settings)
        return CallbackLane(services.callbacks, services.means.clock, token, services.questions.is_question, origins)


def load_policy(settings: Settings) -> Policy:
    """The policy of POLICY_FILE with the settings that are part of it. SettingsError names every problem."""
    return Policy.load(settings.policy_file, **policy_settings(settings))


def policy_settings(settings: Settings) -> dict[str, object]:
    """The fields of a policy that variables of their own set; those that nobody set are left out."""
    values = {
        "timezone": settings.timezone,
        "default_country": settings.default_country,
        "run_hours": tuple(sorted(settings.cron_hours)),
    }
    given = {"timezone": "timezone", "default_country": "default_country", "run_hours": "cron_hours"}
    return {name: value for name, value in values.items() if given[name] in settings.model_fields_set}


def rules_clock(settings: Settings) -> SystemClock:
    """The time of the rules: CLOCK's in trials."""
    return ShiftedClock(settings.clock) if settings.clock else SystemClock()


@asynccontextmanager
async def open_system(
    settings: Settings, *, clock: SystemClock | None = None, writable: bool = True
) -> AsyncIterator[System]:
    """Open the ledger (migrated, when `writable`) and both adapters. StoreError, SettingsError."""
    policy = load_policy(settings)
    its_clock = clock or rules_clock(settings)
    wall_clock = SystemClock()
    database = Database(settings.ledger_url, writable=writable)
    try:
        if writable:
            migrate(database)
            ledger_name = name_of(database, its_clock.now())
        else:
            await database.read(check_version)
            ledger_name = ""  # what only reads makes no attempt
        store = SqlStore(database)
        upstreams = {name: Upstream(wall_clock) for name in (ZOHO, EIGHTX8)}
        crm = ZohoCrm(zoho_config(settings, policy), SqlTokenStore(database), wall_clock, upstreams[ZOHO])
        telephony = make_telephony(settings, wall_clock, upstreams[EIGHTX8])
        means = Means(
            crm=crm,
            telephony=telephony,
            store=store,
            policy=policy,
            clock=its_clock,
            wall_clock=wall_clock,
            log=structlog.get_logger("autodialer"),
            owner=f"{socket.gethostname()[:30]}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
            new_id=lambda: sealed(uuid.uuid4(), ledger_name),
            calls_per_second=settings.calls_per_second,
            max_concurrent_calls=settings.max_concurrent_calls,
            result_timeout=settings.result_timeout,
            budget=Budget(settings.zoho_daily_credits, settings.zoho_credit_reserve),
            dry_run=settings.dry_run,
            alone=database.is_sqlite,
            replica_lease=settings.replica_lease,
            log_calls=LogCalls(settings.zoho_log_calls),
            activity_log=None if settings.zoho_log_calls == "off" else crm.activities,
            interviewer=interviewer_of(settings, telephony),
            read_other=reader_of_the_other(settings.telephony, voice_config(settings)),
            upstreams=upstreams,
        )
        about = [*remark_findings(settings, policy), version_finding(database)]
        services = wire(
            means,
            scratch_store,
            about,
            run_hours=policy.run_hours,
            catch_up=settings.catch_up,
            retention_days=settings.retention_days,
            policy_source=PolicySource(
                str(settings.policy_file) if settings.policy_file else None, policy_settings(settings)
            ),
        )
        try:
            yield System(settings, policy, database, store, crm, telephony, services)
        finally:
            await services.kept_plan.close()
            if writable:
                with suppress(StoreError):
                    await services.credits.flush()
            await crm.aclose()
            await telephony.aclose()
    finally:
        database.close()


@contextmanager
def scratch_store() -> Iterator[Store]:
    """An empty ledger for plans, gone afterwards; in a file, as a plan of a million people is large."""
    database = Database("sqlite:///")
    try:
        database.run_migrations(metadata.create_all)
        yield SqlStore(database)
    finally:
        database.close()


def zoho_config(settings: Settings, policy: Policy) -> ZohoConfig:
    """What the Zoho adapter needs of the settings."""
    return ZohoConfig(
        client_id=settings.zoho_client_id,
        client_secret=settings.zoho_client_secret.get_secret_value(),
        refresh_token=settings.zoho_refresh_token.get_secret_value(),
        api_domain=settings.zoho_api_domain,
        accounts_url=settings.zoho_accounts_url,
        status_fields=settings.field_names("status"),
        attempts_fields=settings.field_names("call_attempts"),
        first_no_answer_fields=settings.field_names("first_no_answer"),
        phone_fields=settings.field_names("phone"),
        mobile_fields=settings.field_names("mobile"),
        trigger=settings.zoho_trigger,
        log_calls=LogCalls(settings.zoho_log_calls),
        new_label=policy.new_status,
        no_answer_label=policy.no_answer_status,
        dead_label=policy.dead_status,
    )


def make_telephony(
    settings: Settings, clock: SystemClock, upstream: Upstream | None = None
) -> "VoiceTelephony | ContactCenterTelephony":
    """The product of 8x8 that TELEPHONY names. `upstream` is told how its requests go."""
    if settings.telephony == "contact_center":
        # Imported here: who calls through the other product pays for neither it nor its websockets.
        from autodialer.contact_center.client import ContactCenterTelephony  # noqa: PLC0415

        log = structlog.get_logger("autodialer")
        return ContactCenterTelephony(contact_center_config(settings), clock, log, upstream)
    return VoiceTelephony(voice_config(settings), clock, upstream)


def interviewer_of(settings: Settings, telephony: "VoiceTelephony | ContactCenterTelephony") -> Interviewer | None:
    """Who is asked what to say next in the middle of a call; None where nobody is."""
    if isinstance(telephony, VoiceTelephony) and settings.eightx8_mode == "press1":
        return telephony
    return None


def contact_center_config(settings: Settings) -> ContactCenterConfig:
    """What the Contact Center adapter needs of the settings."""
    ids = settings.eightx8_cc_agent_ids
    return ContactCenterConfig(
        tenant=settings.eightx8_cc_tenant,
        action_token=_secret(settings.eightx8_api_secret),
        base_url=settings.eightx8_base_url,
        agent_ids=ALL_AGENTS if [one.lower() for one in ids] == [*ALL_AGENTS] else ids,
        caller_id=settings.eightx8_caller_id,
        queue_id=settings.eightx8_cc_queue_id,
        digits_only=settings.eightx8_cc_dial == "digits",
        stream=settings.eightx8_cc_stream,
        stream_key=settings.eightx8_api_key.get_secret_value(),
        subscription=settings.eightx8_cc_subscription,
    )


def voice_config(settings: Settings) -> VoiceConfig:
    """What the 8x8 adapter needs of the settings."""
    return VoiceConfig(
        api_key=settings.eightx8_api_key.get_secret_value(),
        base_url=settings.eightx8_base_url,
        subaccount_id=settings.eightx8_subaccount_id,
        caller_id=settings.eightx8_caller_id,
        agent_number=settings.eightx8_agent_number,
        callback_url=settings.eightx8_callback_url,
        callback_token=_secret(settings.callback_token),
        callback_auth=settings.eightx8_callback_auth,
        mode=settings.eightx8_mode,
        agent_choice=settings.eightx8_agent_choice,
        press1=press1_of(settings),
        register_webhook=settings.eightx8_register_webhook,
        export_url=settings.eightx8_export_url,
    )


def press1_of(settings: Settings) -> Press1:
    """What is said to people, and which keys they may press."""
    return Press1(
        prompt=settings.eightx8_prompt,
        connecting=settings.eightx8_connecting_text,
        again=settings.eightx8_again_text,
        goodbye=settings.eightx8_goodbye_text,
        opt_out_digit=settings.eightx8_opt_out_digit or "",
        opt_out_text=settings.eightx8_opt_out_text,
        voice=settings.eightx8_voice,
        speed=settings.eightx8_speed,
        repetitions=settings.eightx8_repetitions,
        tries=settings.eightx8_tries,
        digit_timeout=settings.eightx8_digit_timeout,
        overall_timeout=settings.eightx8_overall_timeout,
        recording=settings.eightx8_recording,
    )


def origins_of(settings: Settings) -> Origins:
    """Who may send callbacks."""
    return Origins.of(settings.callback_allowed_ips, settings.trusted_proxies)


def remarks_on(settings: Settings) -> list[str]:
    """Settings that are understood otherwise than they were written: one sentence each, for the log at start."""
    remarks = [*names_without_effect({*Settings.model_fields, "node_env"}), *_in_the_clear(settings)]
    if not is_loopback_host(urlsplit(settings.eightx8_base_url or "").hostname or ""):
        remarks += hasty(settings.result_timeout, settings.catch_up)  # simulated calls are short
    if settings.telephony == "contact_center":
        return remarks
    _, remark = resolve_base_url(settings.eightx8_base_url)
    remarks += [remark] if remark else []
    callback = settings.eightx8_callback_url
    if callback and not urlsplit(callback).path.rstrip("/").endswith("/api/callback"):
        remarks.append(
            "EIGHTX8_CALLBACK_URL does not end in /api/callback, so no result arrives unless your proxy changes the path: set it "
            "to https://YOUR_HOST/api/callback"
        )
    if callback and settings.callback_token is None and not is_loopback_host(urlsplit(callback).hostname or ""):
        remarks.append(
            "EIGHTX8_CALLBACK_URL is reached from outside, but CALLBACK_TOKEN is not set: results that come in through a tunnel "
            "or proxy are refused; set CALLBACK_TOKEN"
        )
    return remarks


def _in_the_clear(settings: Settings) -> list[str]:
    """Addresses to which 8x8's key would go for everybody on the way to read; on this machine nobody is."""
    urls = {"EIGHTX8_BASE_URL": settings.eightx8_base_url, "EIGHTX8_EXPORT_URL": settings.eightx8_export_url}
    if settings.telephony == "contact_center":
        urls["EIGHTX8_CC_STREAM"] = settings.eightx8_cc_stream
    parts = {name: urlsplit(url) for name, url in urls.items() if url}
    return [
        f"{name} is not encrypted: everybody on the way can read 8x8's key; set it to {'wss' if url.scheme == 'ws' else 'https'}://..."
        for name, url in parts.items()
        if url.scheme in ("http", "ws") and not is_loopback_host(url.hostname or "")
    ]


def remark_findings(settings: Settings, policy: Policy) -> list[Finding]:
    """The same for `doctor`, with the settings that passed: hours and zone as they hold, whoever set them."""
    hours = " ".join(map(str, policy.run_hours))
    told = f"APP_ENV={settings.app_env}, runs at {hours} UTC, days of {policy.timezone}"
    passed = Finding(Level.OK, "settings", told)
    dry = (
        [Finding(Level.WARNING, "settings", "DRY_RUN is set: nobody is called", "unset DRY_RUN")]
        if settings.dry_run
        else []
    )
    return [passed, *dry, *(Finding(Level.WARNING, "settings", remark) for remark in remarks_on(settings))]


def version_finding(database: Database) -> Finding:
    """Which database engine carries the ledger."""
    if not database.is_sqlite:
        return Finding(Level.OK, "engine", f"PostgreSQL at {database.name}")
    return Finding(
        Level.OK, "engine", f"SQLite {sqlite3.sqlite_version} at {database.url.database}, one writing process"
    )


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None
