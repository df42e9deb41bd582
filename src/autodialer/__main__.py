"""The command `autodialer`, also as python -m autodialer."""

from autodialer.cli.lasting import lasting

with lasting():
    from autodialer.cli.main import main

if __name__ == "__main__":
    main()
