"""The figures of /api/stats."""

from datetime import timedelta

from autodialer.ports.ledger import Ledger
from autodialer.service.control import is_paused
from autodialer.service.schedule import next_slot
from autodialer.service.services import Services
from autodialer.web.answers import iso, plain


async def collect_stats(services: Services) -> dict[str, object]:
    """today, recent_calls (calls of the last 7 days), work lists, the running run and the next slot."""
    means = services.means
    now = means.clock.now()
    today = means.policy.local_date(now).isoformat()

    def collect(ledger: Ledger) -> dict[str, object]:
        run = ledger.runs.current()
        return {
            "today": ledger.stats.today(today),
            "recent_calls": ledger.stats.calls_since(now - timedelta(days=7)),
            "work_lists": ledger.stats.work_lists(),
            "running": run.run_id if run else None,
            "paused": is_paused(ledger),
        }

    figures: dict[str, object] = plain(await means.store.read(collect))
    return {**figures, "next_run": iso(next_slot(means.policy.run_hours, now)), "timestamp": iso(now)}
