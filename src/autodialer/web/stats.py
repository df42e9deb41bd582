"""The figures of /api/stats."""

from datetime import timedelta

from autodialer.ports.ledger import Ledger
from autodialer.service.control import is_paused
from autodialer.service.credits import CreditState
from autodialer.service.glance import work_list_counts
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
            "work_lists": work_list_counts(ledger),
            "running": run.run_id if run else None,
            "paused": is_paused(ledger),
        }

    figures: dict[str, object] = plain(await means.store.read(collect))
    zoho = zoho_usage(await services.credits.state())
    upcoming = iso(next_slot(means.policy.run_hours, now))
    return {**figures, "zoho": zoho, "next_run": upcoming, "timestamp": iso(now)}


def zoho_usage(state: CreditState) -> dict[str, int | None]:
    """What is asked of Zoho, as it is shown everywhere."""
    return {
        "calls": state.used.calls,
        "credits": state.used.credits,
        "throttled": state.used.throttled,
        "credits_remaining": state.used.credits_remaining,
        "credits_left": state.left,
        "credits_daily": state.budget.daily,
        "credits_reserved": state.budget.kept,
        "requests_at_a_time": state.at_a_time,
    }
