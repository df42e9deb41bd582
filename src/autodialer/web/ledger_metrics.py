"""What the ledger knows, for /metrics: from the look that all consoles share, so that a scrape costs next to nothing."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client.core import Metric

from autodialer.domain.disposition import Disposition
from autodialer.rules.policy import Policy
from autodialer.service.agents import agents_of
from autodialer.service.counting import Counted
from autodialer.service.glance import Glance, Standing
from autodialer.service.progress import Progress
from autodialer.web.families import counters, gauge, gauges
from autodialer.web.stats import zoho_usage

_ZOHO = {
    "calls": "Requests to Zoho in the last 24 hours, all processes",
    "credits": "Credits that they cost",
    "throttled": "How many of them Zoho answered with 429",
    "credits_remaining": "What Zoho says remains; absent while it says nothing",
    "credits_left": "What may still be spent, by our count and Zoho's word",
    "credits_daily": "ZOHO_DAILY_CREDITS",
    "credits_reserved": "Kept for writing results back",
    "requests_at_a_time": "Requests that this process may send to Zoho at once now",
}
_RUN_STATES = ("finished", "stopped", "skipped")


def ledger_metrics(glance: Glance, counted: Counted, policy: Policy) -> Iterator[Metric]:
    """All of them. Timestamps are seconds since 1970, 0 for what never was."""
    yield from _counted(counted)
    yield from _today(glance.figures.today, policy)
    yield from _run(glance.run)
    yield from _waiting(glance)
    for name, value in zoho_usage(glance.figures.credits).items():
        if value is not None:
            yield gauge(f"zoho_{name}", _ZOHO[name], value)
    yield gauge("lines_free", "Calls that may be started now", glance.lines - glance.lines_in_use)
    yield gauge("lines_in_use", "Calls in progress", glance.lines_in_use)
    yield gauge("lines_limit", "MAX_CONCURRENT_CALLS", glance.lines)
    yield gauge("paused", "1 while somebody has paused: no call is sent", int(glance.pause is not None))
    standings = {one.value: int(one is glance.standing) for one in Standing}
    yield gauges("standing", "1 for what holds now: whether calls are sent, and if not, why", "standing", standings)
    yield gauge("replicas", "Processes that share the ledger", glance.replicas)
    yield gauge("next_run_timestamp_seconds", "The next slot", glance.next_run.timestamp())


def _counted(counted: Counted) -> Iterator[Metric]:
    ended = {one.value: counted.attempts.get(one.value, 0) for one in Disposition}
    yield counters("attempts", "Calls that ended, ever, by how", "disposition", ended)
    runs = {state: counted.runs.get(state, 0) for state in _RUN_STATES}
    yield counters("runs", "Runs that ended, and slots that were skipped, ever", "state", runs)
    yield counters(
        "records", "Records of ended runs, ever; those made Dead count as skipped, too", "did", counted.records
    )
    yield counters("not_called", "Records that ended runs did not call, ever, by reason", "reason", counted.not_called)
    slots = {
        "slot_due_timestamp_seconds": ("The latest slot since this ledger is in use", counted.slot_due),
        "slot_run_timestamp_seconds": (
            "The latest slot that had a run, its own or one that a person started after it",
            counted.slot_run,
        ),
    }
    for name, (meaning, slot) in slots.items():
        yield gauge(name, meaning, _seconds(slot))


def _today(today: Mapping[str, object], policy: Policy) -> Iterator[Metric]:
    ends = today["by_disposition"]
    by_disposition = {str(name): float(count) for name, count in ends.items()} if isinstance(ends, Mapping) else {}
    yield gauges("calls_today", "Calls sent today, by how they ended", "disposition", by_disposition)
    agents = agents_of(today, policy)
    yield gauge("agent_unreached_today", "Answered calls of today that reached no agent", agents.unreached)
    alarm = int(agents.is_alarming)
    yield gauge("agent_unreached_alarm", "1 while they are more than agent_unreached_alarm", alarm)
    yield gauge("unconfirmed_today", "Picked up today, the key not pressed", float(str(today["unconfirmed"])))
    yield gauge("not_rung_today", "Calls that 8x8 took today and could not make", float(str(today["not_rung"])))


def _run(progress: Progress | None) -> Iterator[Metric]:
    """Of the run that is going; zeros while none is."""
    going = progress if progress is not None and progress.run.is_open else None
    yield gauge("run_open", "1 while a run is going", int(going is not None))
    began = going.run.started_at if going else None
    yield gauge("run_start_timestamp_seconds", "When the run that is going was started", _seconds(began))
    names = ("due", "claimed", "called", "skipped", "dead", "errors")
    records = {name: float(getattr(going, name)) if going else 0.0 for name in names}
    yield gauges("run_records", "Records of the run that is going, by what became of them", "state", records)


def _waiting(glance: Glance) -> Iterator[Metric]:
    yield gauges("work_list", "What waits for somebody, by list", "list", dict(glance.figures.work_lists))
    oldest = glance.outbox_oldest
    waits = max(0.0, (glance.at - oldest).total_seconds()) if oldest else 0.0
    yield gauge("outbox_oldest_pending_seconds", "For how long the oldest update waits for Zoho; 0: none does", waits)
    yield gauge("inbox_waiting", "Callbacks that are stored and not applied yet", glance.inbox_waiting)


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0
