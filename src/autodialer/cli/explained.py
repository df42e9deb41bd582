"""What `explain` prints: the verdict in plain words, what comes next, how it stood then, and everything that happened."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WOULD = {
    "call": ("would be called", "green"),
    "mark_dead": ("would become Dead", "red"),
    "skip": ("is not called", "yellow"),
}


def show_record(record: dict[str, Any], out: Console) -> None:
    """One person, as /api/records shows them."""
    out.print(Text(f"{record['record_type']} {record['zoho_id']}", style="bold"))
    if record.get("crm_error"):
        out.print(Text(f"Zoho can't be asked: {record['crm_error']}", style="yellow"))
    if shown := record["in_crm"]:
        out.print(
            Text(
                f"In Zoho: status {shown['status']!r}, Call Attempts {shown['call_attempts']}, "
                f"First No Answer At {shown['first_no_answer_at']}, number {shown['number']}"
            )
        )
    elif not record.get("crm_error"):
        out.print(Text("Zoho has no such record any more: it was deleted, merged or converted.", style="yellow"))
    if verdict := record["now"]:
        _show_verdict("Now", verdict, out)
    if coming := record["next"]:
        _show_next(coming, out)
    if moment := record["moment"]:
        _show_moment(moment, out)
    _show_timeline(record["timeline"], out)


def _show_verdict(when: str, verdict: dict[str, Any], out: Console) -> None:
    words, style = _WOULD[verdict["would"]]
    detail = f": {verdict['detail']}" if verdict["detail"] else ""
    out.print(Text(f"{when}: {words} ({verdict['reason']}{detail})", style=style))
    out.print(Text(f"  {verdict['why']}"))
    for change in verdict["would_change"]:
        out.print(Text(f"  What would change it: {change}"))


def _show_next(coming: dict[str, Any], out: Console) -> None:
    if coming["call_at"]:
        out.print(Text(f"Next call: {_short(coming['call_at'])} UTC, if nothing more happens until then."))
    elif coming["dead_at"]:
        out.print(Text(f"No call any more: it becomes Dead at {_short(coming['dead_at'])} UTC."))
    else:
        out.print(Text(f"No call is in sight until {_short(coming['asked_until'])} UTC."))
    for provided in coming["provided"]:
        out.print(Text(f"  {provided}"))


def _show_moment(moment: dict[str, Any], out: Console) -> None:
    when = f"{_short(moment['at'])} UTC"
    if recorded := moment["recorded"]:
        going = "was going" if recorded["was_going"] else "had ended"
        out.print(
            Text(f"Run {recorded['run_id']} of {_short(recorded['started_at'])} UTC, which {going}:", style="bold")
        )
        out.print(Text(f"  {recorded['state']} ({recorded['reason']}): {recorded['detail'] or recorded['why']}"))
    if moment["then"]:
        _show_verdict(when, moment["then"], out)
    else:
        out.print(Text(f"{when}:", style="bold"))
    for known in moment["known"]:
        out.print(Text(f"  {known}"))
    for unknown in moment["not_known"]:
        out.print(Text(f"  {unknown}", style="yellow"))


def _show_timeline(events: list[dict[str, Any]], out: Console) -> None:
    table = Table("when (UTC)", "what", "more", title=f"What happened ({len(events)})", title_justify="left")
    for event in events:
        more = "; ".join(filter(None, (event["note"], _facts(event))))
        table.add_row(Text(_short(event["at"], seconds=True)), Text(event["text"]), Text(more))
    out.print(table)


def _facts(event: dict[str, Any]) -> str:
    """Those that the sentence does not say."""
    facts = event["facts"]
    if event["kind"] == "pulled":
        return f"status {facts['status']!r}, Call Attempts {facts.get('call_attempts')}"
    if event["kind"] == "queued":
        wanted = {"status": facts["status"], "Call Attempts": facts["call_attempts"]}
        return ", ".join(f"{name} {value}" for name, value in wanted.items() if value is not None)
    if event["kind"] == "ended" and facts.get("agent_unreached"):
        return "no agent was reached"
    return f"came {facts['deliveries']} times" if facts.get("deliveries", 1) > 1 else ""


def _short(moment: str, *, seconds: bool = False) -> str:
    return moment[: 19 if seconds else 16].replace("T", " ")
