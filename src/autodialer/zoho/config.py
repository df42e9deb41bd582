"""What the adapter has to be told. No environment is read here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autodialer.domain.activity import LogCalls
from autodialer.domain.errors import SettingsError
from autodialer.domain.record import CrmStatus, RecordType
from autodialer.zoho.datacentres import accounts_url_for, is_safe_url

TRIGGERS = frozenset({"workflow", "approval", "blueprint", "pathfinder", "orchestration"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ZohoConfig:
    """Credentials, hosts, field names and pacing.

    Field names are Zoho's API names by record type; a type that is missing, or None, means "find it in the
    metadata". `trigger`: what an update may set off in Zoho (documentation page "Update Records"); nothing
    by default. `log_calls`: what else the grant must cover. The labels say how the three statuses are
    spelled, up to case and spaces. `concurrency` and `coql_concurrency`: requests at a time (page "API
    limits": 5 on the smallest edition). Timeouts in seconds; `request_timeout` bounds one request as a
    whole. `tries`: how often one request is sent at most.
    """

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    api_domain: str = "https://www.zohoapis.com"
    accounts_url: str | None = None
    status_fields: Mapping[RecordType, str | None] = field(default_factory=dict)
    attempts_fields: Mapping[RecordType, str | None] = field(default_factory=dict)
    first_no_answer_fields: Mapping[RecordType, str | None] = field(default_factory=dict)
    phone_fields: Mapping[RecordType, str | None] = field(default_factory=dict)
    mobile_fields: Mapping[RecordType, str | None] = field(default_factory=dict)
    trigger: tuple[str, ...] = ()
    log_calls: LogCalls = LogCalls.OFF
    new_label: str = "New"
    no_answer_label: str = "No Answer"
    dead_label: str = "Dead"
    concurrency: int = 5
    coql_concurrency: int = 2
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    request_timeout: float = 60.0
    tries: int = 5

    def label(self, status: CrmStatus) -> str:
        """How `status` is spelled."""
        labels = {
            CrmStatus.NEW: self.new_label,
            CrmStatus.NO_ANSWER: self.no_answer_label,
            CrmStatus.DEAD: self.dead_label,
        }
        return labels[status]

    def resolved_accounts_url(self) -> str:
        """Where tokens come from. SettingsError names every host and value that can't be used."""
        accounts = self.accounts_url or accounts_url_for(self.api_domain)
        problems = []
        if accounts is None:
            problems.append(
                f"ZOHO_API_DOMAIN {self.api_domain} is not one of Zoho's known API hosts; correct it or set "
                "ZOHO_ACCOUNTS_URL"
            )
        for name, url in (("ZOHO_API_DOMAIN", self.api_domain), ("ZOHO_ACCOUNTS_URL", accounts)):
            if url is not None and not is_safe_url(url):
                problems.append(f"{name} must be an https address without path (http only on loopback)")
        unknown = sorted(set(self.trigger) - TRIGGERS)
        if unknown:
            problems.append(f"ZOHO_TRIGGER has {', '.join(unknown)}; known are {', '.join(sorted(TRIGGERS))}")
        if problems or accounts is None:
            raise SettingsError(problems)
        return accounts.rstrip("/")
