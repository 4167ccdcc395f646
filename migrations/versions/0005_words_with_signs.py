"""Vowel signs are a part of their word, and ガ is not カ: in the text index and in the keys of tags and subjects.

The words of such captions are put anew by `python -m imagesearch doctor --repair`.
"""
import sqlalchemy as sa
from alembic import op

from imagesearch.index.words import key

revision = "0005"
down_revision = "0004"

COLUMNS = "caption, tags, characteristics, spelt"
NAMED = {"tags": "name", "characteristics": "subject", "traits": "value", "lessons": "name"}  # table → what has the key


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _split_by("unicode61 remove_diacritics 0 categories ''L* N* Co Mn Mc''")
    for table, name in NAMED.items():
        rows = op.get_bind().execute(sa.text(f"SELECT id, {name} AS name, key FROM {table} WHERE key <> ''"))
        changed = [{"id": row.id, "key": new} for row in rows
                   if not row.name.isascii() and (new := key(row.name)) != row.key]
        if changed:
            op.get_bind().execute(sa.text(f"UPDATE {table} SET key = :key WHERE id = :id"), changed)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _split_by("unicode61")


def _split_by(tokenizer: str) -> None:
    op.execute("DROP TABLE words_spelt")
    op.execute("ALTER TABLE words RENAME TO words_before")
    op.execute(f"CREATE VIRTUAL TABLE words USING fts5({COLUMNS}, tokenize='{tokenizer}')")
    op.execute(f"INSERT INTO words (rowid, {COLUMNS}) SELECT rowid, {COLUMNS} FROM words_before")
    op.execute("DROP TABLE words_before")
    op.execute("CREATE VIRTUAL TABLE words_spelt USING fts5vocab(words, 'col')")
