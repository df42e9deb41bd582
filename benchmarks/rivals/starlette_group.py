"""Starlette and msgspec, with group commit in a thread of its own.

python starlette_group.py PORT DATABASE
"""

import sys

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from table import GroupWriter, read, serve


def app_on(path: str) -> Starlette:
    """The application; the file is made where it is missing."""
    writer = GroupWriter(path)

    async def take(request: Request) -> Response:
        try:
            row = read(await request.body())
        except msgspec.DecodeError as error:
            return JSONResponse({"success": False, "error": str(error)}, status_code=400)
        await writer.store(row)
        return JSONResponse({"success": True})

    return Starlette(routes=[Route("/api/callback", take, methods=["POST"])])


if __name__ == "__main__":
    serve(app_on(sys.argv[2]), int(sys.argv[1]))
