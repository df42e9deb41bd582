"""What the commands share: settings, output, and the way to a service that is running."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import httpx2
import typer
from rich.console import Console

from autodialer.cli.lasting import in_small_steps
from autodialer.domain.errors import DialerError, WrongUsage
from autodialer.observability import configure_logging, register_secrets, shutdown_logging
from autodialer.settings import Settings, load_settings, secrets_of
from autodialer.trust import trusted

T = TypeVar("T")
_WIDTH_ON_A_PIPE = 160
_CANT_BE_MEANT = (400, 413, 415, 422)  # HTTP's words for it
_UNAUTHORIZED = 401
_ANOTHER_KEY = (
    "the running service takes another API_TOKEN than this command: if the one in .env was changed since the service began, "
    "restart the service"
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def settings_with_logging(*, files: bool, console: bool) -> Settings:
    """The settings, with logging set up by them. SettingsError names every problem."""
    settings = load_settings()
    register_secrets(*secrets_of(settings))
    log_dir: Path | None = settings.log_dir if files else None
    configure_logging(level=settings.log_level, log_dir=log_dir, development=settings.development, console=console)
    return settings


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, then write out what was logged."""
    try:
        return asyncio.run(work)
    finally:
        shutdown_logging()


def run_serving(work: Coroutine[Any, Any, T]) -> T:
    """The same for what takes many requests: on libuv's loop, which costs less for each, where there is one for this system."""
    in_small_steps()
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        try:
            return runner.run(work)
        finally:
            shutdown_logging()


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - commands that serve nothing go without it
    except ImportError:
        return None
    return uvloop.new_event_loop


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def console() -> Console:
    """For people; plain when it is not a terminal."""
    width = None if sys.stdout.isatty() else _WIDTH_ON_A_PIPE
    return Console(highlight=False, width=width)


def error_console() -> Console:
    """Standard error, for people who look on while standard output holds the result alone."""
    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else _WIDTH_ON_A_PIPE)


class RunningService:
    """The service on this machine, asked over its own API."""

    def __init__(self, settings: Settings) -> None:
        host = "127.0.0.1" if settings.listen_host in ("0.0.0.0", "::") else settings.listen_host  # noqa: S104 - compared
        self.base_url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
        self._headers = api_headers(settings)

    async def answers(self) -> bool:
        """Whether an autodialer listens there."""
        try:
            async with self._directly(5.0) as client:
                body = (await client.get("/")).json()
        except (httpx2.HTTPError, ValueError):
            return False
        return isinstance(body, dict) and body.get("message") == "8x8 Auto-Dialer Microservice"

    def client(self, patience: float) -> httpx2.AsyncClient:
        """To ask it."""
        return self._directly(patience, self._headers)

    def _directly(self, patience: float, headers: dict[str, str] | None = None) -> httpx2.AsyncClient:
        """A proxy of the environment would be shown API_TOKEN, and could not reach this machine."""
        return httpx2.AsyncClient(
            base_url=self.base_url, verify=trusted(), headers=headers, timeout=patience, trust_env=False
        )


def in_path(given: str) -> str:
    """An id or a name that somebody typed, as one part of an address. WrongUsage when it is the way to another one."""
    if "/" in given or given in (".", ".."):
        raise WrongUsage(f"{given!r} is no id and no name")
    return quote(given, safe="")


def api_headers(settings: Settings) -> dict[str, str]:
    """What authorises us to ourselves."""
    if settings.api_token is None:
        return {}
    return {"authorization": f"Bearer {settings.api_token.get_secret_value()}"}


@asynccontextmanager
async def door(settings: Settings, patience: float = 120.0) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API: of the service that runs on this machine, else of one opened for this purpose alone."""
    running = RunningService(settings)
    if await running.answers():
        async with running.client(patience) as client:
            yield client
        return
    from autodialer.bootstrap import open_system  # noqa: PLC0415 - a command that asks a running service needs none of it

    async with open_system(settings) as system:
        transport = httpx2.ASGITransport(app=system.web())
        headers = api_headers(settings)
        base_url = "http://127.0.0.1"
        async with httpx2.AsyncClient(
            transport=transport, base_url=base_url, headers=headers, timeout=patience, trust_env=False
        ) as client:
            yield client


async def ask(settings: Settings, method: str, path: str, *, patience: float = 120.0, **more: Any) -> dict[str, Any]:
    """One answer of the API. DialerError with the API's own words when it says no: as `read_answer`."""
    async with door(settings, patience) as client:
        return await send(client, method, path, **more)


async def send(client: httpx2.AsyncClient, method: str, path: str, **more: Any) -> dict[str, Any]:
    """The same through an open door."""
    try:
        return read_answer(await client.request(method, path, **more))
    except httpx2.HTTPError as error:
        raise DialerError(f"the running service does not answer: {error!r}", permanent=False) from error


def read_answer(response: httpx2.Response) -> dict[str, Any]:
    """Its JSON object. DialerError when the answer is an error: WrongUsage when another try like this one can't help."""
    try:
        body = response.json()
    except ValueError as error:
        raise DialerError(f"the service gave no JSON but status {response.status_code}", permanent=False) from error
    if not isinstance(body, dict):
        raise DialerError("the service gave no JSON object", permanent=False)
    if response.is_error:
        problems = "; ".join(body.get("problems") or [])
        run = f" (run {body['run_id']})" if body.get("run_id") else ""
        message = f"{body.get('message', response.status_code)}{': ' if problems else ''}{problems}{run}"
        raise _refused(response.status_code, message)
    return body


def _refused(status: int, message: str) -> DialerError:
    if status == _UNAUTHORIZED:
        return WrongUsage(_ANOTHER_KEY)
    return WrongUsage(message) if status in _CANT_BE_MEANT else DialerError(message, permanent=False)
