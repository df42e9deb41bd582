"""The command `autodialer`."""

import gc

# A start makes a hundred thousand objects that stay: looking through them again and again makes it a tenth slower.
gc.set_threshold(50_000, 20, 50)
