"""The command `autodialer`."""
