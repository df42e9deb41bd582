"""Figures of long tests: each records its own (record_property), the end of the session tells the sums, a line for each kind."""

import json
from collections.abc import Callable, Iterable, Mapping

Record = Callable[[str, object], None]
_PREFIX = "figures: "


def tell(record_property: Record, kind: str, **figures: float) -> None:
    """Add to the sums of this kind. Seconds are of CPU."""
    record_property(_PREFIX + kind, figures)


def lines_of(properties: Iterable[tuple[str, object]]) -> list[str]:
    """A line of JSON for each kind, from what all tests recorded."""
    sums: dict[str, dict[str, float]] = {}
    for name, figures in properties:
        if name.startswith(_PREFIX) and isinstance(figures, Mapping):
            total = sums.setdefault(name.removeprefix(_PREFIX), {})
            total |= {each: round(total.get(each, 0) + value, 2) for each, value in figures.items()}
    return [json.dumps({"figures": kind, **total}) for kind, total in sums.items()]
