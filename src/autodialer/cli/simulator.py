"""simulator: the simulated Zoho and 8x8 as servers, to try the service by hand."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from autodialer.cli.common import run_serving


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(simulator)


def simulator(
    zoho_port: int = typer.Option(9191, min=0, max=65535, help="Port of the simulated Zoho; 0 takes a free one."),
    voice_port: int = typer.Option(9192, min=0, max=65535, help="Port of the simulated 8x8; 0 takes a free one."),
    people: int = typer.Option(0, min=0, help="Generate that many people instead of the demo's few dozen."),
    seed: int = typer.Option(1, help="Which people, and how their calls end."),
    speed: float = typer.Option(60.0, min=0.01, help="How many seconds of a call pass in one real second."),
    zoho_latency: float = typer.Option(0.0, min=0, help="Seconds before Zoho answers."),
    voice_latency: float = typer.Option(0.0, min=0, help="Seconds before 8x8 answers."),
    now: Annotated[
        str | None,
        typer.Option(help="ISO instant from which the people's days are counted back; default CLOCK, else now."),
    ] = None,
) -> None:
    """Serve a simulated Zoho CRM and 8x8 that behave as documented, with people in all states.

    TELEPHONY says which 8x8: voice, or contact_center. Prints the variables that point a service at them; look at /_sim/rings and
    /_sim/records for what happened.

    Example: autodialer simulator --speed 600
    """
    text = now or os.environ.get("CLOCK")
    try:
        moment = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except ValueError as error:
        raise typer.BadParameter("--now (or CLOCK) must be an ISO instant such as 2026-01-13T08:00:00Z") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    telephony = os.environ.get("TELEPHONY", "voice").strip().lower()
    run_serving(_serve(moment, telephony, zoho_port, voice_port, people, seed, speed, zoho_latency, voice_latency))


async def _serve(
    now: datetime,
    telephony: str,
    zoho_port: int,
    voice_port: int,
    people: int,
    seed: int,
    speed: float,
    zoho_latency: float,
    voice_latency: float,
) -> None:
    # Imported here: the other commands need neither web server nor simulators.
    from autodialer.cli.serving import stop_event  # noqa: PLC0415
    from autodialer.simulators.demo_people import demo_people  # noqa: PLC0415
    from autodialer.simulators.people import population  # noqa: PLC0415
    from autodialer.simulators.servers import phone_settings, simulators  # noqa: PLC0415

    stopped = stop_event()
    crowd = population(seed, people, now) if people else demo_people(now)
    async with simulators(
        crowd,
        zoho_port=zoho_port,
        voice_port=voice_port,
        settings=phone_settings(telephony, speed=speed),
        zoho_latency=zoho_latency,
        voice_latency=voice_latency,
        seed=seed,
    ) as simulated:
        typer.echo(
            f"# {len(crowd)} people; Zoho at {simulated.zoho_url}, 8x8 at {simulated.voice_url}. Ctrl-C ends it."
        )
        typer.echo("# Paste these lines where you start the service:")
        for name, value in simulated.environment().items():
            typer.echo(f"export {name}={value}")
        if telephony == "voice":
            typer.echo("export EIGHTX8_CALLBACK_URL=http://127.0.0.1:8080/api/callback")
        await asyncio.wait([asyncio.create_task(stopped.wait())])
