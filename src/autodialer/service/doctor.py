"""Everything a new installation may have wrong, each with what to do about it."""

from collections.abc import Sequence

from autodialer.domain.errors import StoreError
from autodialer.ports import Finding, Level
from autodialer.service.agents import agents_of
from autodialer.service.clock_guard import clock_problem
from autodialer.service.control import is_paused
from autodialer.service.means import Means


class Doctor:
    """Asks the database, Zoho, 8x8 and the policy. `about`: findings of the installation itself, made at start."""

    def __init__(self, means: Means, about: Sequence[Finding]) -> None:
        self._m = means
        self._about = tuple(about)

    async def examine(self) -> list[Finding]:
        """All findings, in the order in which they are best mended. Never raises for what it finds."""
        return [
            *self._about,
            *await self._ledger(),
            *await self._m.crm.check(),
            *await self._m.telephony.check(),
            *self._policy(),
        ]

    async def _ledger(self) -> list[Finding]:
        try:
            now = self._m.clock.now()
            today = self._m.policy.local_date(now).isoformat()
            paused, lists, behind, figures = await self._m.store.read(
                lambda ledger: (
                    is_paused(ledger),
                    ledger.stats.work_lists(),
                    clock_problem(ledger, now),
                    ledger.stats.today(today),
                )
            )
        except StoreError as error:
            return [Finding(Level.PROBLEM, "database", error.message, "check DB_PATH or DATABASE_URL, and the disk")]
        findings = [Finding(Level.OK, "database", "answers, its schema is current")]
        if behind is not None:
            findings.append(Finding(Level.PROBLEM, "clock", behind, "set the clock of this machine: timedatectl, NTP"))
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
            findings.append(Finding(Level.WARNING, "write-back", f"{count} updates are parked", remedy))
        if lists["unknown_calls"]:
            count = lists["unknown_calls"]
            remedy = "autodialer unknown lists them; autodialer unknown --settle ATTEMPT_ID --as RESULT settles one"
            findings.append(Finding(Level.WARNING, "results", f"{count} calls are unknown", remedy))
        return findings

    def _policy(self) -> list[Finding]:
        warnings = [Finding(Level.WARNING, "policy", sentence) for sentence in self._m.policy.warnings()]
        return warnings or [Finding(Level.OK, "policy", f"{self._m.policy.hash}, no contradiction")]
