"""What one would write first: pull, then one record after the other: place the call, tell Zoho. Nothing is kept, nothing retried.

python naive_client.py MOST: calls so many people at most; the simulators are in the environment as `autodialer simulator` tells
them. Prints one line of JSON: called, seconds, cpu_seconds, zoho_requests, voice_requests.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

_PAGE = 200
_STATUS = {"Leads": "Lead_Status", "Contacts": "Status"}


@dataclass
class Naive:
    """Its session with both."""

    client: httpx2.Client
    headers: dict[str, str] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=lambda: {"zoho": 0, "voice": 0})

    def zoho(self, method: str, path: str, **more: Any) -> Any:
        """One request to the CRM."""
        self.requests["zoho"] += 1
        response = self.client.request(method, os.environ["ZOHO_API_DOMAIN"] + path, headers=self.headers, **more)
        response.raise_for_status()
        return response.json() if response.content else {}

    def sign_in(self) -> None:
        """A token for an hour."""
        form = {
            "grant_type": "refresh_token",
            "client_id": os.environ["ZOHO_CLIENT_ID"],
            "client_secret": os.environ["ZOHO_CLIENT_SECRET"],
            "refresh_token": os.environ["ZOHO_REFRESH_TOKEN"],
        }
        token = self.zoho("POST", "/oauth/v2/token", data=form)["access_token"]
        self.headers = {"authorization": f"Zoho-oauthtoken {token}"}

    def people(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Everybody who is new, page by page."""
        for module, status in _STATUS.items():
            last = "0"
            while True:
                query = (
                    f"select id, Phone, Mobile, {status} from {module} where {status} = 'New' and id > {last} "
                    f"order by id asc limit {_PAGE}"
                )
                found = self.zoho("POST", "/crm/v8/coql", json={"select_query": query}).get("data", [])
                yield from ((module, row) for row in found)
                if len(found) < _PAGE:
                    break
                last = found[-1]["id"]

    def call(self, number: str) -> None:
        """Place it."""
        self.requests["voice"] += 1
        source = os.environ["EIGHTX8_CALLER_ID"]
        ring = [
            {"action": "makeCall", "params": {"source": source, "destination": to}}
            for to in (number, os.environ["EIGHTX8_AGENT_NUMBER"])
        ]
        url = f"{os.environ['EIGHTX8_BASE_URL']}/api/v1/subaccounts/{os.environ['EIGHTX8_SUBACCOUNT_ID']}/callflows"
        headers = {"authorization": f"Bearer {os.environ['EIGHTX8_API_KEY']}"}
        self.client.post(url, json={"callflow": ring}, headers=headers).raise_for_status()


def main(most: int) -> None:
    """Call, tell, count."""
    with httpx2.Client(trust_env=False, timeout=30) as client:
        began, cpu = time.perf_counter(), time.process_time()
        naive = Naive(client)
        naive.sign_in()
        called = 0
        for module, row in naive.people():
            if called == most:
                break
            naive.call(row["Phone"] or row["Mobile"])
            naive.zoho("PUT", f"/crm/v8/{module}", json={"data": [{"id": row["id"], "Call_Attempts": 1}]})
            called += 1
    told = {
        "called": called,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "zoho_requests": naive.requests["zoho"],
        "voice_requests": naive.requests["voice"],
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
