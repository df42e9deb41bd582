"""Does one seed again and says what came of it: `PYTHONPATH=tests .venv/bin/python -m proof.replay SEED --records 1000`."""

import argparse

from proof.outcome import Outcome
from proof.simulation import simulate


def replay(outcome: Outcome) -> str:
    """The command that does it again."""
    return f"PYTHONPATH=tests .venv/bin/python -m proof.replay {outcome.seed} --records {outcome.records}"


def story(outcome: Outcome) -> str:
    """What went wrong with this seed, for people."""
    return "\n".join([f"seed {outcome.seed}: again with {replay(outcome)}", *outcome.problems])


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
