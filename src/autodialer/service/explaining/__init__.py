"""What `explain` is made of: all that the ledger knows of one person, how it stood at any moment, and what comes next."""
