"""What stands in the address of a request: `dry-run=1` misspelt must not become a run that is none."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from autodialer.web.bodies import BadBody


def only(*names: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses every query parameter but `names`, and each of them twice. BadBody."""

    async def check(request: Request) -> None:
        given = [name for name, _ in request.query_params.multi_items()]
        problems = [
            f"query.{name[:40]}: there is no such parameter" for name in dict.fromkeys(given) if name not in names
        ]
        problems += [f"query.{name}: stands there more than once" for name in names if given.count(name) > 1]
        if problems:
            raise BadBody(*problems)

    return check
