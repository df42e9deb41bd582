"""The log export of the simulated 8x8 (8x8 page "Reporting API"): a job, then a link to a CSV file."""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Any, Final
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from autodialer.simulators.common import SimClock, read_json
from autodialer.simulators.eightx8_judge import Judge
from autodialer.simulators.eightx8_plan import PlannedLeg
from autodialer.simulators.eightx8_sessions import Session, e164, instant
from autodialer.simulators.eightx8_settings import VoiceSettings
from autodialer.simulators.eightx8_webhooks import invalid

COLUMNS: Final = (
    "SessionId", "CallId", "AccountId", "SubAccountId", "Direction", "SourceCountryCode", "SourceCountry",
    "SourceOperator", "SourceMCC", "SourceMNC", "SourceEndpoint", "DestinationCountryCode",
    "DestinationCountry", "DestinationOperator", "DestinationMCC", "DestinationMNC", "DestinationEndpoint",
    "InitiatedAt", "ConnectedAt", "DisconnectedAt", "DurationInSec", "Product", "BillingUnit",
    "BillingIncrement", "BillableDurationInSec", "UnitPrice", "UnitPriceCurrency", "TotalPriceOfCall",
    "CallType", "SipStatus", "SessionStatus", "CallStatus", "TTSLength", "MOS", "Content",
)  # fmt: skip
_WEEK = timedelta(days=7)
_KEPT = timedelta(days=30)


@dataclass(slots=True)
class Job:
    """One export. `ready_at` is when its file is there; `token` names the file."""

    since: datetime
    until: datetime
    limit: int
    ready_at: datetime
    started_at: datetime
    token: str
    cancelled: bool = False


class Exports:
    """The export jobs of one sub-account and their endpoints. The log holds ended sessions, a row for each leg."""

    def __init__(self, clock: SimClock, judge: Judge) -> None:
        self._clock = clock
        self._judge = judge
        self._jobs: dict[str, Job] = {}

    async def start(self, request: Request, settings: VoiceSettings) -> Response:
        """POST …/messages/exports: 202 with the job's id."""
        now = self._clock.now()
        try:
            body = await read_json(request)
            if not isinstance(body, dict | None):
                return invalid(now, "Invalid JSON request body")
            wanted: dict[str, Any] = body or {}
            since = _moment(wanted["from"]) if "from" in wanted else now - _WEEK
            until = _moment(wanted["to"]) if "to" in wanted else now
            limit = msgspec.convert(wanted.get("limit", 0), int)
        except (msgspec.DecodeError, ValueError):
            return invalid(now, "Invalid JSON request body")
        if since >= until:
            return invalid(now, "from must be earlier than to")
        job_id = token_urlsafe(48)
        seconds = settings.real(settings.export_seconds)
        ready = now + timedelta(seconds=seconds)
        self._jobs[job_id] = Job(since, until, limit, ready, now, token_urlsafe(48))
        return JSONResponse({"jobId": job_id}, status_code=202)

    async def show(self, request: Request, settings: VoiceSettings) -> Response:
        """GET …/messages/exports/{jobId}: its status, with the link once there is a file."""
        job = self._jobs.get(request.path_params["job_id"])
        if job is None:
            return self._unknown()
        now = self._clock.now()
        if job.cancelled:
            return JSONResponse({"status": "cancelled"})
        if now < job.ready_at:
            half = job.started_at + (job.ready_at - job.started_at) / 2
            return JSONResponse({"status": "queued" if now < half else "running"})
        if not self._rows(job, settings):
            return JSONResponse({"status": "empty"})
        path = f"/api/v1/subaccounts/{settings.subaccount_id}/messages/download/{job.token}"
        link = str(request.url.replace(path=path, query=""))
        return JSONResponse({"status": "succeeded", "data": [link], "expires": instant(job.ready_at + _KEPT)})

    async def cancel(self, request: Request) -> Response:
        """DELETE …/messages/exports/{jobId}: 204."""
        job = self._jobs.get(request.path_params["job_id"])
        if job is None:
            return self._unknown()
        job.cancelled = True
        return Response(status_code=204)

    async def download(self, request: Request, settings: VoiceSettings) -> Response:
        """The CSV file behind a link; its token is what lets one in."""
        job = next((job for job in self._jobs.values() if job.token == request.path_params["token"]), None)
        if job is None or job.cancelled or self._clock.now() < job.ready_at:
            return Response(status_code=404)
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, restval="")
        table.writeheader()
        table.writerows(self._rows(job, settings))
        return Response(text.getvalue(), media_type="text/csv")

    def _rows(self, job: Job, settings: VoiceSettings) -> list[dict[str, str]]:
        rows = [
            _row(session, settings.subaccount_id, call_id, leg, start)
            for session in self._judge.sessions.values()
            if session.ended_at is not None
            for start in [session.ended_at - timedelta(seconds=session.plan.seconds)]
            for call_id, leg in zip(session.call_ids, session.plan.legs, strict=False)
            if job.since <= start + timedelta(seconds=leg.initiated) <= job.until
        ]
        return rows[: job.limit] if job.limit > 0 else rows

    def _unknown(self) -> Response:
        answer = {
            "code": 4018,
            "message": "Invalid jobId",
            "errorId": str(uuid4()),
            "timestamp": instant(self._clock.now()),
        }
        return JSONResponse(answer, status_code=404)


def _moment(value: object) -> datetime:
    """A date, a UTC time, or a time with zone. ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004 - the caller answers 422 to a ValueError
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _row(session: Session, subaccount_id: str, call_id: str, leg: PlannedLeg, start: datetime) -> dict[str, str]:
    def at(seconds: int | None) -> str:
        return "" if seconds is None else instant(start + timedelta(seconds=seconds))

    return {
        "SessionId": session.session_id,
        "CallId": call_id,
        "AccountId": "simulated",
        "SubAccountId": subaccount_id,
        "Direction": "OUTBOUND",
        "SourceEndpoint": e164(session.callflow.source),
        "DestinationEndpoint": e164(leg.destination),
        "InitiatedAt": at(leg.initiated),
        "ConnectedAt": at(leg.connected),
        "DisconnectedAt": at(leg.disconnected),
        "DurationInSec": str(leg.duration),
        "CallType": "PSTN",
        "SipStatus": str(leg.sip_status),
        "SessionStatus": session.plan.status,
        "CallStatus": leg.status,
        "MOS": "" if leg.connected is None else "4.5",
    }
