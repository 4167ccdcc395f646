"""On PostgreSQL the text index (the terms of each image, and in how many images each word is) and pgvector."""
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
        op.execute("ALTER TABLE vectors DROP COLUMN data")
        op.execute("ALTER TABLE vectors ADD COLUMN data HALFVEC NOT NULL")
        op.execute("CREATE TABLE words (image_number INTEGER PRIMARY KEY, caption TEXT NOT NULL, tags TEXT NOT NULL, "
                   "characteristics TEXT NOT NULL, spelt TEXT NOT NULL, terms TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX words_by_term ON words USING gin (terms)")
        op.execute("CREATE TABLE words_changes (id SERIAL PRIMARY KEY, image_number INTEGER NOT NULL UNIQUE)")
        # in the order of code points, so that all with one beginning stand together
        op.execute('CREATE TABLE words_spelt (word TEXT COLLATE "C" PRIMARY KEY, images INTEGER NOT NULL)')


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in ("words_spelt", "words_changes", "words"):
            op.execute(f"DROP TABLE {table}")
        op.execute("ALTER TABLE vectors DROP COLUMN data")
        op.execute("ALTER TABLE vectors ADD COLUMN data BYTEA NOT NULL")
