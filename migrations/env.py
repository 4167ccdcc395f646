"""Alembic's entry: on the connection the service hands over, or on the configured database."""
from alembic import context

from imagesearch.db import Base

connection = context.config.attributes.get("connection")
if connection is None:
    from sqlalchemy import create_engine

    from imagesearch.config import Settings

    connection = create_engine(Settings.from_environment().database).connect()


def of_the_model(name: str | None, kind: str, _parents: object) -> bool:
    """Leaves the full-text tables out of a comparison; they are made by hand in the migrations."""
    return kind != "table" or not (name or "").startswith("words")


context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True,
                  include_name=of_the_model)
with context.begin_transaction():
    context.run_migrations()
