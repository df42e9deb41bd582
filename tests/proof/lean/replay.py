"""Does one seed again and says what came of it: `PYTHONPATH=tests .venv/bin/python -m proof.lean.replay SEED --records 1000`."""

import argparse

from proof.lean.simulation import simulate
from proof.outcome import Outcome


def story(outcome: Outcome) -> str:
    """What went wrong with this seed, for people."""
    command = f"PYTHONPATH=tests .venv/bin/python -m proof.lean.replay {outcome.seed}"
    return "\n".join([f"seed {outcome.seed}: again with {command}", *outcome.problems])


def main() -> None:
    """One seed from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--records", type=int, default=1000)
    given = parser.parse_args()
    outcome = simulate(given.seed, given.records)
    print(outcome)  # noqa: T201 - a command's answer
    raise SystemExit(1 if outcome.problems else 0)


if __name__ == "__main__":
    main()
