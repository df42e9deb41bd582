"""The console's menu."""

from collections.abc import Mapping, Sequence

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
# Pages that stand under an entry without having its address.
_ALSO: Mapping[str, Sequence[str]] = {
    f"{HOME}/work-lists": [
        f"{HOME}/{name}" for name in ("unknown", "orphans", "conflicts", "parked", "answered", "repair", "drift")
    ],
}


def is_under(address: str, path: str) -> bool:
    """Whether the page at `path` belongs to the menu's entry `address`."""
    if address == HOME:
        return path == HOME
    return any(path == part or path.startswith(f"{part}/") for part in (address, *_ALSO.get(address, ())))
