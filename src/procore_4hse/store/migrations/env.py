"""Runs the migrations on the connection that the store gives it."""

from alembic import context
from sqlmodel import SQLModel

from procore_4hse.store import tables as _tables  # noqa: F401  (fills the metadata)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
