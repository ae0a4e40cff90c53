"""Run by Alembic for each upgrade; `database._migrate` hands it the connection and the transaction."""

from __future__ import annotations

from alembic import context

from cuecast.service.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # The caller's transaction holds all of it, on SQLite too (its schema changes can be taken back).
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
