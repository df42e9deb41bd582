"""The call log as 8x8 exports it: CSV, a row for each leg (8x8 page "Get log export job result")."""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence

from autodialer.domain.disposition import Disposition
from autodialer.domain.errors import TelephonyError
from autodialer.domain.result import LoggedCall
from autodialer.eightx8.legs import lasted
from autodialer.eightx8.mapping import ENDS, OPT_OUTS
from autodialer.eightx8.words import as_instant, as_int, digits, normalize_status, plain, session_of

_NEEDED = ("sessionid", "destinationendpoint", "callstatus")
_LONGEST_CALL = 7 * 24 * 3600
Row = Mapping[str, str]


def read_log(files: Sequence[bytes], *, asks: bool = False) -> list[LoggedCall]:
    """The outbound legs of all files; rows that name no session or number are left out. TelephonyError for what is no such log.

    `asks`: people are asked to press a key before an agent is called.
    """
    sessions: dict[str, list[Row]] = defaultdict(list)
    for file in files:
        for row in _rows(file):
            session_id = session_of(row["sessionid"])
            outbound = normalize_status(row.get("direction")) != "INBOUND"
            if session_id is not None and outbound and digits(row["destinationendpoint"]):
                sessions[session_id].append(row)
    return [_call(session_id, row, legs, asks=asks) for session_id, legs in sessions.items() for row in legs]


def _rows(file: bytes) -> list[Row]:
    """Columns by name, whatever their case and order; further ones may follow."""
    try:
        table = csv.reader(io.StringIO(file.decode("utf-8-sig"), newline=""))
        names = [name.strip().lower() for name in next(table, [])]
        if missing := [name for name in _NEEDED if name not in names]:
            raise _unreadable(f"it has no column {', '.join(missing)}")
        # A row that was cut off is no row.
        return [dict(zip(names, values, strict=False)) for values in table if len(values) >= len(names)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(type(error).__name__) from error


def _call(session_id: str, row: Row, legs: Sequence[Row], *, asks: bool) -> LoggedCall:
    """As mapping.read_callback has it: the leg's own status decides, the session's only where the person opted out.

    Where a call that never lasted failed in a session with an error, nobody can tell whose failure it was: the log has no codes.
    """
    status, session_status = normalize_status(row["callstatus"]), normalize_status(row.get("sessionstatus"))
    opt_out = OPT_OUTS.get(session_status or "")
    disposition, reason = ENDS.get(status or "") or opt_out or (None, "")
    others = [normalize_status(leg["callstatus"]) for leg in legs if leg is not row]
    began, ended, seconds = (
        as_instant(row.get("initiatedat")),
        as_instant(row.get("disconnectedat")),
        as_int(row.get("durationinsec")),
    )
    has_lasted = lasted(began, as_instant(row.get("connectedat")), ended, seconds)
    if disposition is Disposition.FAILED and session_status == "ERROR" and not has_lasted:
        disposition = None
    sip = as_int(row.get("sipstatus"))
    known = (reason or (opt_out[1] if opt_out else ""), f"SIP {sip}" if sip else "")
    return LoggedCall(
        session_id=session_id,
        destination=f"+{digits(row['destinationendpoint'])}",
        started_at=began,
        ended_at=ended,
        disposition=disposition,
        call_status=plain(row["callstatus"]),
        session_status=plain(row.get("sessionstatus")),
        reason=", ".join(filter(None, known)),
        duration_seconds=seconds if seconds is not None and 0 <= seconds <= _LONGEST_CALL else None,
        agent_unreached=status == "COMPLETED" and any(other not in (None, "COMPLETED") for other in others),
        do_not_call=opt_out is not None,
        confirmed=_reached_out(row, legs) if asks else None,
    )


def _reached_out(row: Row, legs: Sequence[Row]) -> bool:
    return any(digits(leg["destinationendpoint"]) != digits(row["destinationendpoint"]) for leg in legs)


def _unreadable(why: str) -> TelephonyError:
    return TelephonyError(f"8x8's call log can't be read: {why}. Check EIGHTX8_EXPORT_URL.", permanent=True)
