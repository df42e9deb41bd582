"""Alembic's entry: migrations run on the connection that autodialer.store.migrate hands over."""

from alembic import context

from autodialer.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    version_table="schema_version",
)
context.run_migrations()
