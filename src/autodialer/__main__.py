"""The command `autodialer`, also as python -m autodialer."""

import os

from autodialer.cli.lasting import lasting

with lasting():
    from autodialer.cli.main import main as run
    from autodialer.observability import log_hangs


def main() -> None:
    """Run the command line, and end: also where Python's own end would wait for a disk that hangs."""
    try:
        run()
    except SystemExit as end:
        if log_hangs():
            os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise


if __name__ == "__main__":
    main()
