"""What `zoho login` does. Its result goes to standard output, what it says to a person to standard error."""

import asyncio
import sys
from collections.abc import Sequence
from getpass import getpass
from pathlib import Path
from typing import Any

import typer
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from autodialer.cli.dotenv import set_line
from autodialer.domain.errors import DialerError, SettingsError
from autodialer.settings import Url
from autodialer.settings_file import lines_not_understood
from autodialer.zoho import scopes
from autodialer.zoho.accounts import Grant
from autodialer.zoho.config import ZohoConfig
from autodialer.zoho.datacentres import console_url_for
from autodialer.zoho.grant import exchange

_NAME = "ZOHO_REFRESH_TOKEN"


class _Client(BaseSettings):
    """The few settings that exist before there is a refresh token; read as `Settings` reads them."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    zoho_client_id: str = Field(min_length=1)
    zoho_client_secret: SecretStr = Field(min_length=1)
    zoho_api_domain: Url = "https://www.zohoapis.com"
    zoho_accounts_url: Url | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: Any) -> Any:
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        return {name: value for name, value in stripped.items() if value != ""}


def run(code: str | None, write: Path | None) -> None:
    """Explain, ask, exchange, tell. DialerError when no usable refresh token came of it."""
    config = _config()
    accounts = config.resolved_accounts_url()
    if code is None:
        _explain(config, accounts)
        code = getpass("Grant code (it is not shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    code = code.strip()
    if not code:
        raise typer.BadParameter("the grant code is empty")
    grant = asyncio.run(exchange(config, code))
    lacking = scopes.missing(grant.scope) if grant.scope else []
    _tell(grant, config)
    if write is None or lacking:
        typer.echo(f"{_NAME}={grant.refresh_token}")
    else:
        _write(write, grant.refresh_token)
    if lacking:
        raise DialerError(
            f"the service can't work with this token: its grant lacks {_names(lacking)}. Make a new code with all scopes"
            + (f"; {write} was left as it is" if write else ""),
            permanent=True,
        )


def _config() -> ZohoConfig:
    """SettingsError names every setting that is missing or wrong."""
    if problems := lines_not_understood():
        raise SettingsError(problems)
    try:
        client = _Client()  # type: ignore[call-arg]  # it reads them from the environment
    except ValidationError as error:
        raise SettingsError([_sentence(str(item["loc"][0]).upper(), item["type"]) for item in error.errors()]) from None
    return ZohoConfig(
        client_id=client.zoho_client_id,
        client_secret=client.zoho_client_secret.get_secret_value(),
        refresh_token="",
        api_domain=client.zoho_api_domain,
        accounts_url=client.zoho_accounts_url,
    )


def _sentence(name: str, kind: str) -> str:
    if kind == "missing":
        return f"{name} is missing: set it in the environment or in .env; docs/zoho/sign-in.md says where it comes from"
    return f"{name} is wrong: it must be an address such as https://www.zohoapis.eu"


def _explain(config: ZohoConfig, accounts: str) -> None:
    """The way to a code, with nothing to look up."""
    console = console_url_for(accounts) or "the API console of your data centre"
    optional = "\n".join(f"       {scope.name:32} {scope.why}" for scope in scopes.OPTIONAL)
    typer.echo(
        f"Data centre: {config.api_domain} (ZOHO_API_DOMAIN); tokens come from {accounts}.\n"
        f"  1. Open {console} as the Zoho user in whose name the service works, and choose your Self Client.\n"
        "  2. Tab Generate Code, Scope, all of it:\n\n"
        f"       {scopes.as_entered(scopes.NEEDED)}\n\n"
        "     To these you may add, each after a comma:\n"
        f"{optional}\n\n"
        "  3. Time Duration 10 minutes, any description, Create; choose the production organisation. Copy the code.",
        err=True,
    )


def _tell(grant: Grant, config: ZohoConfig) -> None:
    if not grant.scope:
        typer.echo("Zoho did not say which scopes were granted; autodialer doctor will try them.", err=True)
    elif without := scopes.missing(grant.scope, scopes.OPTIONAL):
        typer.echo(f"Optional scopes that were not granted: {_names(without)}.", err=True)
    if grant.api_domain and grant.api_domain.rstrip("/") != config.api_domain.rstrip("/"):
        typer.echo(
            f"Mind: Zoho says this token is for {grant.api_domain}, but ZOHO_API_DOMAIN is {config.api_domain}. "
            f"Set ZOHO_API_DOMAIN={grant.api_domain}",
            err=True,
        )


def _write(path: Path, refresh_token: str) -> None:
    """A code works once, so a token that can't be written is printed rather than lost."""
    try:
        set_line(path, _NAME, refresh_token)
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"{_NAME}={refresh_token}")
        raise DialerError(
            f"{path} can't be written ({error}); put the line above into it by hand", permanent=True
        ) from error
    typer.echo(f"{_NAME} was written to {path}. Next: autodialer doctor", err=True)
    if path.stat().st_mode & 0o077:
        typer.echo(f"Others on this machine can read {path}: chmod 600 {path}", err=True)


def _names(found: Sequence[scopes.Scope]) -> str:
    return ", ".join(f"{scope.name} ({scope.why})" for scope in found)
