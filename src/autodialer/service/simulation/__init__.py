"""A policy over days that never happen: the same `decide`, run order and quotas, a clock and telephones that are made up.

Nothing here asks Zoho or 8x8 anything, and nothing is written to the ledger.
"""
