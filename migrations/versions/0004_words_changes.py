"""What has changed in the text index, for the copies of it that processes hold in memory."""
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE words_known")
        op.execute("CREATE TABLE words_changes (id INTEGER PRIMARY KEY AUTOINCREMENT, "
                   "image_number INTEGER NOT NULL UNIQUE)")
        op.execute("INSERT INTO words_changes (image_number) SELECT rowid FROM words ORDER BY rowid")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE words_changes")
        op.execute("CREATE VIRTUAL TABLE words_known USING fts5vocab(words, 'row')")
