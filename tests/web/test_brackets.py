"""What others wrote is shown as it was written: brackets in it are no instructions to the one who draws tables."""

import io
from typing import Any

import pytest
from rich.console import Console

from autodialer.cli.live_view import _calls
from autodialer.cli.look import _show_findings

WRITTEN = "said [vip] and [/vip]"


def test_the_findings_of_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    _show_findings([{"level": "warning", "subject": "Leads", "message": WRITTEN, "remedy": "correct [/them]"}])
    shown = capsys.readouterr().out
    assert WRITTEN in shown
    assert "correct [/them]" in shown


def test_why_a_call_of_the_live_view_ended_so() -> None:
    call: dict[str, Any] = {
        "ended_at": "2026-03-03T11:20:00.000Z",
        "record_type": "Lead",
        "zoho_id": "1",
        "number": None,
    }
    out = Console(file=io.StringIO(), width=120)
    out.print(_calls([{**call, "attempt_number": 1, "end": "failed", "reason": WRITTEN}]))
    assert isinstance(out.file, io.StringIO)
    assert WRITTEN in out.file.getvalue()
