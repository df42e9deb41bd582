"""Lists of the API, page by page."""

from typing import Annotated, Any

import typer

from autodialer.cli.common import door, send
from autodialer.settings import Settings

_PAGE = 500
Most = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Show so many at most.")]


async def collect(
    settings: Settings, path: str, name: str, most: int, **asked: str
) -> tuple[list[dict[str, Any]], bool]:
    """The first `most` entries of a list, and whether there are more. DialerError with the API's own words."""
    rows: list[dict[str, Any]] = []
    after: str | None = ""
    async with door(settings) as client:
        while after is not None and len(rows) < most:
            size = min(_PAGE, most - len(rows))
            page = await send(
                client, "GET", path, params={**asked, "limit": size, **({"after": after} if after else {})}
            )
            rows += page[name]
            after = page["next_after"]
    return rows, after is not None


def title(rows: list[Any], more: bool, what: str) -> str:
    """How a table of them is headed."""
    return f"{len(rows)} {what}" + (" and more (--limit)" if more else "")


def moment(value: str | None) -> str:
    """An instant of the API for people: UTC, to the second."""
    return (value or "")[:19].replace("T", " ")


def record(row: dict[str, Any]) -> str:
    """The record of an entry."""
    return f"{row['record_type']} {row['zoho_id']}"
