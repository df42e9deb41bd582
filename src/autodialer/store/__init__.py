"""Adapter for the ledger: SQLite and PostgreSQL through SQLAlchemy Core."""
