"""The console's menu."""

from collections.abc import Sequence

from autodialer.web.console.access import HOME
from autodialer.web.console.languages import N_

MENU: Sequence[tuple[str, str]] = (
    (HOME, N_("Today")),
    (f"{HOME}/runs", N_("Runs")),
    (f"{HOME}/people", N_("People")),
    (f"{HOME}/plan", N_("Plan")),
    (f"{HOME}/work-lists", N_("Work lists")),
    (f"{HOME}/do-not-call", N_("Do not call")),
    (f"{HOME}/policy", N_("Policy")),
    (f"{HOME}/simulate", N_("Simulate")),
    (f"{HOME}/health", N_("Health")),
    (f"{HOME}/audit", N_("Audit")),
)
