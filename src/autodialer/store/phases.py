"""The migrations in their order, and which of them may run while older replicas are still at work.

Each module in migrations/versions says so. `PHASE = "before"` only adds, so that old code goes on beside it; `PHASE = "after"`
takes away or tightens, and waits until no older code is left. Numbers have four digits and compare as text. The modules are read as
text, since a start must not pay for Alembic.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("migrations")
BEFORE, AFTER = "before", "after"
_PHASE = re.compile(r'^PHASE = "(before|after)"', re.MULTILINE)
_FIRST_SENTENCE = re.compile(r'\A"""(.+?)(?:"""|$)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """One migration. `phase`: before or after a rollout; `what`: its first sentence."""

    revision: str
    phase: str
    what: str


@cache
def steps() -> tuple[Step, ...]:
    """All that this version of the code knows, in order."""
    return tuple(_read(path) for path in sorted((FOLDER / "versions").glob("[0-9]*.py")))


def steps_between(older: str | None, newer: str) -> list[Step]:
    """Those after `older` (None: an empty database) up to `newer`."""
    return [step for step in steps() if (older is None or step.revision > older) and step.revision <= newer]


def newest() -> str:
    """The schema of this code when all is done."""
    return steps()[-1].revision


def needed() -> str:
    """The schema without which this code can't work: all that comes before its rollout."""
    return max(step.revision for step in steps() if step.phase == BEFORE)


def _read(path: Path) -> Step:
    source = path.read_text(encoding="utf-8")
    phase, what = _PHASE.search(source), _FIRST_SENTENCE.search(source)
    # One that does not say is taken for harmless here; a test refuses it.
    return Step(path.name.split("_")[0], phase[1] if phase else BEFORE, what[1].strip() if what else "")
