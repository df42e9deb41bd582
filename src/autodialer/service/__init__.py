"""Use cases: they know domain, rules and ports only, and are told the time."""
