"""The shapes of answers: times as ISO 8601 UTC with milliseconds and Z, errors as {"success": false, "message"}."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from starlette.responses import JSONResponse

_MOST_PROBLEMS = 20
_LONGEST_PROBLEM = 300


class Answer(JSONResponse):
    """JSON that can always be sent: a lone surrogate, which UTF-8 has no bytes for, becomes a question mark."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(errors="replace")


def iso(moment: datetime) -> str:
    """2026-01-13T08:26:58.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """JSON-ready: instants as text, enums as their value, recursively."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return value


def failure(status: int, message: str, *, headers: Mapping[str, str] | None = None, **more: object) -> Answer:
    """An error as every endpoint gives it."""
    return Answer({"success": False, "message": message, **plain(more)}, status, headers=dict(headers or {}))


def bad_request(message: str, problems: Sequence[str], status: int = 400) -> Answer:
    """What is wrong with a request; never more than twenty problems, however many there are."""
    shown = [problem[:_LONGEST_PROBLEM] for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        shown.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    return failure(status, message, problems=shown)
