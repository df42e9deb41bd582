"""Everything a new installation may have wrong, each with what to do about it."""

from collections.abc import Sequence
from datetime import timedelta

from autodialer.domain.errors import StoreError
from autodialer.ports import Finding, Level
from autodialer.ports.rows import OutboxRow, Run
from autodialer.service.agents import agents_of
from autodialer.service.budget import DAY, Load, credits_needed, together_at
from autodialer.service.clock_guard import clock_problem
from autodialer.service.control import is_paused
from autodialer.service.credits import Credits
from autodialer.service.holding import hold_problem
from autodialer.service.means import Means

_FOR_LONG = timedelta(hours=1)

_HELD = 'docs/runbook.md, "It runs and does not dial"'


class Doctor:
    """Asks the database, Zoho, 8x8 and the policy. `about`: findings of the installation itself, made at start."""

    def __init__(self, means: Means, about: Sequence[Finding], count: Credits) -> None:
        self._m = means
        self._about = tuple(about)
        self._credits = count

    async def examine(self) -> list[Finding]:
        """All findings, in the order in which they are best mended. Never raises for what it finds."""
        return [
            *self._about,
            *await self._ledger(),
            *await self._m.crm.check(),
            *await self._budget(),
            *await self._m.telephony.check(),
            *self._policy(),
        ]

    async def _ledger(self) -> list[Finding]:
        try:
            now = self._m.clock.now()
            today = self._m.policy.local_date(now).isoformat()
            paused, lists, behind, held, untold, figures, refused = await self._m.store.read(
                lambda ledger: (
                    is_paused(ledger),
                    ledger.stats.work_lists(),
                    clock_problem(ledger, now),
                    hold_problem(ledger, self._m.policy, now),
                    ledger.activities.count("parked"),
                    ledger.stats.today(today),
                    ledger.outbox.refused_for_long(now - _FOR_LONG),
                )
            )
        except StoreError as error:
            return [Finding(Level.PROBLEM, "database", error.message, "check DB_PATH or DATABASE_URL, and the disk")]
        findings = [Finding(Level.OK, "database", "answers, its schema is current")]
        if behind is not None:
            findings.append(Finding(Level.PROBLEM, "clock", behind, "set the clock of this machine: timedatectl, NTP"))
        if held is not None:
            findings.append(Finding(Level.PROBLEM, "dialing", f"is held: {held}", _HELD))
        if paused:
            findings.append(Finding(Level.WARNING, "dialing", "is paused", "autodialer resume"))
        agents = agents_of(figures, self._m.policy)
        if agents.is_alarming:
            told = f"{agents.unreached} of today's {agents.answered} answered calls reached no agent"
            remedy = "look whether EIGHTX8_AGENT_NUMBER is answered; lower MAX_CONCURRENT_CALLS to the agents there are"
            findings.append(Finding(Level.WARNING, "agents", told, remedy))
        if lists["parked_updates"]:
            count = lists["parked_updates"]
            remedy = (
                "autodialer parked shows Zoho's reasons; correct the records there, then autodialer parked --retry-all"
            )
            findings.append(
                Finding(
                    Level.WARNING,
                    "write-back",
                    f"{count} {'update is' if count == 1 else 'updates are'} parked",
                    remedy,
                )
            )
        findings += _refused_for_long(*refused)
        if lists["unknown_calls"]:
            count = lists["unknown_calls"]
            remedy = "autodialer unknown lists them; autodialer unknown --settle ATTEMPT_ID --as RESULT settles one"
            findings.append(
                Finding(Level.WARNING, "results", f"{count} {'call is' if count == 1 else 'calls are'} unknown", remedy)
            )
        if untold:
            remedy = "the log says why (call log parked); docs/zoho/writing.md"
            findings.append(
                Finding(
                    Level.WARNING,
                    "call log",
                    f"Zoho refused {untold} {'note or call' if untold == 1 else 'notes or calls'}",
                    remedy,
                )
            )
        return findings

    async def _budget(self) -> list[Finding]:
        now = self._m.clock.now()
        try:
            calls, pulled = await self._m.store.read(
                lambda ledger: (ledger.stats.calls_since(now - DAY), ledger.runs.latest_pulled())
            )
        except StoreError:
            return []  # told of above
        state = await self._credits.state()
        budget, findings = state.budget, list[Finding]()
        if state.is_low:
            message = f"{state.left} are left for these 24 hours: no records are read and nobody is called below {budget.kept}"
            findings.append(
                Finding(Level.WARNING, "Zoho credits", message, "wait, or set ZOHO_DAILY_CREDITS if Zoho gives more")
            )
        if pulled is None:
            message = "no run yet: what a day needs is not known; autodialer plan says what a run needs"
            return [*findings, Finding(Level.OK, "Zoho credits", message)]
        load = day_of(pulled, calls, len(self._m.policy.run_hours), self._m.calls_per_second)
        needed = credits_needed(load)
        message = (
            f"this day will need about {needed} credits of {budget.daily}: {load.runs} runs over {load.eligible} eligible records, "
            f"{load.calls} calls"
        )
        if needed > budget.daily - budget.kept:
            remedy = (
                f"{budget.kept} of them are kept for writing results back, so that runs will stop: buy API credits from Zoho and "
                "set ZOHO_DAILY_CREDITS, or dial less: fewer CRON_HOURS, a lower CALLS_PER_SECOND"
            )
            return [*findings, Finding(Level.WARNING, "Zoho credits", message, remedy)]
        return [*findings, Finding(Level.OK, "Zoho credits", message)]

    def _policy(self) -> list[Finding]:
        warnings = [Finding(Level.WARNING, "policy", sentence) for sentence in self._m.policy.warnings()]
        return warnings or [Finding(Level.OK, "policy", f"{self._m.policy.hash}, no contradiction")]


def _refused_for_long(count: int, oldest: OutboxRow | None) -> list[Finding]:
    """Updates that are tried again and again stand on no list."""
    if oldest is None:
        return []
    wait, since = "update waits" if count == 1 else "updates wait", f"{oldest.created_at:%Y-%m-%d %H:%M} UTC"
    message = f"{count} {wait} for Zoho, the oldest since {since}; its last answer: {oldest.last_error}"
    named = f"{oldest.key.record_type.value.lower()} {oldest.key.zoho_id}"
    remedy = f"it is tried again until Zoho takes it; autodialer explain {named} and docs/zoho/writing.md say more"
    return [Finding(Level.WARNING, "write-back", message, remedy)]


def day_of(last: Run, calls_today: int, runs: int, calls_per_second: float) -> Load:
    """What a day holds if each of its `runs` is like the last one, and no fewer calls are placed than in the 24 hours until now."""
    called, due, dead, eligible = (_count(last, name) for name in ("called", "still_due", "marked_dead", "processed"))
    most = int(DAY.total_seconds() * calls_per_second)
    calls = min(most, max(calls_today, runs * (called + due)))
    return Load(eligible, calls, dead, runs, together_at(calls_per_second))


def _count(run: Run, name: str) -> int:
    value = run.totals.get(name, 0)
    return value if isinstance(value, int) else 0
