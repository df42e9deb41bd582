"""What one would write first: FastAPI, a pydantic body, one SQLite connection, each request committed by itself and as durably.

python fastapi_commit_each.py PORT DATABASE
"""

import sys
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field

from table import CALL_STATUS, INSERT, LONGEST_CALL_ID, RECORD_TYPE, TIMESTAMP, ZOHO_ID, open_table, serve


class Callback(BaseModel):
    """The five fields."""

    zoho_id: Annotated[str, Field(pattern=ZOHO_ID)]
    record_type: Annotated[str, Field(pattern=RECORD_TYPE)]
    call_status: Annotated[str, Field(pattern=CALL_STATUS)]
    timestamp: Annotated[str, Field(pattern=TIMESTAMP)]
    call_id: Annotated[str, Field(min_length=1, max_length=LONGEST_CALL_ID)]


def app_on(path: str) -> FastAPI:
    """The application; the file is made where it is missing."""
    database = open_table(path)
    app = FastAPI()

    @app.post("/api/callback")
    async def take(sent: Callback) -> dict[str, bool]:
        row = (sent.call_id, sent.call_status, sent.timestamp, sent.zoho_id, sent.record_type, sent.model_dump_json())
        database.execute(INSERT, row)  # commits by itself
        return {"success": True}

    return app


if __name__ == "__main__":
    serve(app_on(sys.argv[2]), int(sys.argv[1]))
