"""What one would write first: FastAPI, a pydantic body, one SQLite connection, each request committed by itself and as durably.

python fastapi_commit_each.py PORT DATABASE
"""

import sqlite3
import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox (
    inbox_id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (session_id, event_type)
)
"""
INSERT = "INSERT INTO inbox (session_id, event_type, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"


class Payload(BaseModel):
    """What is looked at of an event."""

    session_id: str = Field(alias="sessionId", min_length=1, max_length=120)


class Event(BaseModel):
    """8x8's envelope."""

    namespace: str
    event_type: str = Field(alias="eventType", min_length=1, max_length=60)
    payload: Payload


def app_on(path: str) -> FastAPI:
    """The application; the file is made where it is missing."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(SCHEMA)
    app = FastAPI()

    @app.post("/api/callback")
    async def take(event: Event) -> dict[str, bool]:
        with database:
            database.execute(INSERT, (event.payload.session_id, event.event_type, event.model_dump_json()))
        return {"success": True}

    return app


if __name__ == "__main__":
    uvicorn.run(app_on(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
