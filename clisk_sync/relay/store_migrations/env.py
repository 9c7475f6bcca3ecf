"""Runs the revisions inside the transaction that store_schema.py holds."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
