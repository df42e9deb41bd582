"""What stands in the address of a request: `dry-run=1` misspelt must not become a run that is none."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from autodialer.web.bodies import BadBody


def only(*names: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses every query parameter but `names`, and each of them twice or with a NUL character. BadBody."""

    async def check(request: Request) -> None:
        items = request.query_params.multi_items()
        given = [name for name, _ in items]
        problems = [
            f"query.{name[:40]}: there is no such parameter" for name in dict.fromkeys(given) if name not in names
        ]
        problems += [f"query.{name}: stands there more than once" for name in names if given.count(name) > 1]
        # PostgreSQL's text takes none: what looks for one, or keeps it, would fail there as if the database were gone.
        problems += [f"query.{name}: holds a NUL character" for name, value in items if name in names and "\0" in value]
        if problems:
            raise BadBody(*problems)

    return check
