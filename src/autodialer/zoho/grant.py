"""A grant code of Zoho's console, made into a refresh token: once for each installation.

Source: Zoho's page "Self Client - Authorization code flow". A code works once, for the minutes chosen when it was made.
"""

import re
from typing import Final

from autodialer.domain.errors import CrmError
from autodialer.zoho.accounts import NO_TOKEN, THROTTLED, AccountsServer, Grant, Refusal
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.datacentres import console_url_for
from autodialer.zoho.wire import Wire

_PLAIN: Final = re.compile(r"[A-Za-z0-9._~-]+")


async def exchange(config: ZohoConfig, code: str) -> Grant:
    """What the code grants, with its refresh token. CrmError says what to do. Never asked twice: a code works once."""
    wire = Wire(config)
    try:
        outcome = await AccountsServer(config, wire).ask({"grant_type": "authorization_code", "code": code})
    finally:
        await wire.aclose()
    if isinstance(outcome, Refusal):
        raise _error_for(outcome, config)
    if not outcome.refresh_token:
        raise CrmError(
            "Zoho gave an access token but no refresh token, as the code was not made for offline use. Make it in the tab "
            "Generate Code of a Self Client; a code from a web address needs access_type=offline",
            permanent=True,
            code="no_refresh_token",
        )
    if not _PLAIN.fullmatch(outcome.refresh_token):
        raise CrmError("Zoho's refresh token can't be read; nothing was written", permanent=True, code=NO_TOKEN)
    return outcome


def _error_for(refusal: Refusal, config: ZohoConfig) -> CrmError:
    accounts = config.resolved_accounts_url()
    console = console_url_for(accounts) or "the API console of your data centre"
    remedies = {
        "invalid_code": "the code has expired (it lives for the minutes chosen when it was made), was used before, or was "
        f"made for another client or data centre: make a new one at {console} and enter it at once",
        "invalid_client": f"{accounts} does not know ZOHO_CLIENT_ID: copy it from {console}; if your Zoho is in another "
        "data centre, set ZOHO_API_DOMAIN to that one's",
        "invalid_client_secret": f"ZOHO_CLIENT_SECRET is wrong: copy it from {console}",
        "invalid_redirect_uri": f"ZOHO_CLIENT_ID is of another kind of client: make a Self Client at {console}",
        THROTTLED: "too many token requests: wait ten minutes, then make a new code",
        NO_TOKEN: f"{accounts} gave no answer that can be read ({refusal.reason}): try the same code again while it lives, "
        "then a new one",
    }
    remedy = remedies.get(refusal.code, f"check ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET and the code, made at {console}")
    said = "" if refusal.code == NO_TOKEN else f"Zoho says {refusal.code}. "
    permanent = refusal.code not in (THROTTLED, NO_TOKEN)
    return CrmError(f"{said}{remedy}", permanent=permanent, code=refusal.code)
