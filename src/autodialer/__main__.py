"""python -m autodialer."""

from autodialer.cli.main import main

main()
