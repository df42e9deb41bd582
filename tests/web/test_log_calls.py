"""The whole service with ZOHO_LOG_CALLS: what stands in Zoho after a run."""

from pathlib import Path
from typing import Any

import httpx2

from autodialer.simulators.people import Outcome
from autodialer.simulators.zoho_activities import ACTIVITY_SCOPES
from autodialer.simulators.zoho_tokens import SCOPES
from web.house import House, house, person

ENDS: tuple[Outcome, ...] = ("answered", "busy", "no_answer")
WHO = [person(index, outcomes=(end,)) for index, end in enumerate(ENDS)]


def told(service: House) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = httpx2.get(f"{service.simulated.zoho_url}/_sim/activities").json()
    return found


def test_after_a_run_zoho_holds_a_call_for_the_conversation_and_a_note_for_each_other_call(tmp_path: Path) -> None:
    with house(tmp_path, WHO, zoho_log_calls="calls") as service:
        service.simulated.zoho.accounts.scopes = (*SCOPES, *ACTIVITY_SCOPES)
        service.simulated.zoho.accounts.expire_all()
        assert service.ask("POST", "/api/cron").json()["results"]["called"] == 3
        service.wait_until("SELECT count(*) = 3 FROM outbox WHERE state = 'sent'", "Zoho has all three results")
        service.wait_until("SELECT count(*) = 3 FROM activities WHERE state = 'sent'", "Zoho is told")
        found = told(service)
    (call,) = found["calls"]
    assert (len(found["notes"]), call["Call_Duration"] > "00:00") == (2, True)
