"""Alembic's entry: runs the steps on the connection it is given, in one transaction."""

from alembic import context

from waypost.db.database import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()
