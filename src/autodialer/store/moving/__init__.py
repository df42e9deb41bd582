"""A ledger from one database to another: copied, compared row by row, backed up."""
