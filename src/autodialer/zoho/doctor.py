"""What `doctor` says of Zoho."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from autodialer.domain.activity import LogCalls
from autodialer.domain.errors import CrmError
from autodialer.domain.record import RecordType
from autodialer.ports import CrmUsage, Finding, Level
from autodialer.service.gathering import gather_or_cancel
from autodialer.service.patience import unless_failing
from autodialer.service.upstreams import Upstream
from autodialer.zoho import coql, scopes
from autodialer.zoho.accounts import CREDENTIAL_ERRORS
from autodialer.zoho.fields import MODULES, ModuleFields
from autodialer.zoho.oauth import Tokens

_FEW_CREDITS: Final = 500

Resolve = Callable[[RecordType], Awaitable[tuple[ModuleFields | None, list[Finding]]]]
Rows = Callable[[ModuleFields, coql.Criterion], Awaitable[list[Any]]]


async def check(
    tokens: Tokens,
    resolve: Resolve,
    rows: Rows,
    usage: Callable[[], CrmUsage],
    log_calls: LogCalls,
    upstream: Upstream,
) -> list[Finding]:
    """Every finding, best effort: one that fails does not hide the others, except that without a token all ends.

    Somebody waits for it, so an outage is told without all the tries that a run would make.
    """
    try:
        await unless_failing(tokens.current(), upstream)
    except CrmError as error:
        return [_problem("Zoho token", error)]
    findings = [Finding(Level.OK, "Zoho token", "valid")]
    if tokens.foreign_api_domain is not None:
        findings.append(
            Finding(
                Level.WARNING,
                "Zoho token",
                f"Zoho says the token is for {tokens.foreign_api_domain}",
                "set ZOHO_API_DOMAIN to it if calls are refused",
            )
        )
    findings += _scopes(tokens.scope) + _logging_scopes(tokens.scope, log_calls)
    try:
        modules = [_module(record_type, resolve, rows, upstream) for record_type in RecordType]
        findings += [finding for found in await gather_or_cancel(modules) for finding in found]
    except _RefusedError as refused:  # the token at hand was one of before
        return [_problem("Zoho token", refused.error)]
    return [*findings, *_credits(usage())]


class _RefusedError(Exception):
    """Zoho does not take the credentials any more: nothing else can be said."""

    def __init__(self, error: CrmError) -> None:
        super().__init__(error.message)
        self.error = error


def _scopes(granted: str) -> list[Finding]:
    """What the grant lacks. Nothing is said where Zoho did not tell its scopes."""
    lacking = scopes.missing(granted) if granted else []
    if not lacking:
        return []
    names = ", ".join(f"{scope.name} ({scope.why})" for scope in lacking)
    remedy = "make a new ZOHO_REFRESH_TOKEN with all scopes: autodialer zoho login"
    return [Finding(Level.PROBLEM, "Zoho token", f"its grant lacks {names}", remedy)]


def _logging_scopes(granted: str, log_calls: LogCalls) -> list[Finding]:
    """The same of what ZOHO_LOG_CALLS needs beside: calls are placed without it."""
    lacking = scopes.missing(granted, scopes.LOGGING[log_calls]) if granted else []
    if not lacking:
        return []
    message = (
        f"ZOHO_LOG_CALLS={log_calls} needs {', '.join(scope.name for scope in lacking)} too: Zoho is told of no call"
    )
    remedy = "make a new ZOHO_REFRESH_TOKEN with these as well (autodialer zoho login), or set ZOHO_LOG_CALLS=off"
    return [Finding(Level.WARNING, "call log", message, remedy)]


async def _module(record_type: RecordType, resolve: Resolve, rows: Rows, upstream: Upstream) -> list[Finding]:
    try:
        return await unless_failing(_asked(record_type, resolve, rows), upstream)
    except CrmError as error:
        if error.code in CREDENTIAL_ERRORS:
            raise _RefusedError(error) from error
        return [_problem(MODULES[record_type], error)]


async def _asked(record_type: RecordType, resolve: Resolve, rows: Rows) -> list[Finding]:
    fields, findings = await resolve(record_type)
    if fields is None:
        return findings
    await rows(fields, coql.one_of(fields.status, fields.stored))
    strange = await _strange_statuses(fields, rows)
    return [*findings, Finding(Level.OK, MODULES[record_type], "can be queried"), *strange]


async def _strange_statuses(fields: ModuleFields, rows: Rows) -> list[Finding]:
    """Statuses that stand in records and not in the picklist (rules.md row 31)."""
    if not 1 <= len(fields.known_values) <= coql.MAX_LIST * (coql.MAX_CRITERIA - 1):
        return []
    where = coql.all_of([coql.has_value(fields.status), coql.none_of(fields.status, fields.known_values)])
    found = {str(row.get(fields.status)) for row in await rows(fields, where) if isinstance(row, dict)}
    if not found:
        return []
    return [
        Finding(
            Level.WARNING,
            fields.module,
            f"{fields.status} holds values that its picklist does not: {', '.join(sorted(found))}",
            "correct these records in Zoho: runs may not find them",
        )
    ]


def _credits(usage: CrmUsage) -> list[Finding]:
    left = usage.credits_remaining
    if left is None:
        return []
    if left < _FEW_CREDITS:
        return [
            Finding(
                Level.WARNING, "Zoho credits", f"{left} left for these 24 hours", "wait, or buy API credits from Zoho"
            )
        ]
    return [Finding(Level.OK, "Zoho credits", f"{left} left for these 24 hours")]


def _problem(subject: str, error: CrmError) -> Finding:
    remedy = "" if error.permanent else "try again later; check the network and Zoho's status page"
    return Finding(Level.PROBLEM, subject, error.message, remedy)
