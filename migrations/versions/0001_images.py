"""Images with their tags, characteristics, colours, vectors and words; keys."""
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _image(name: str = "image_number", **options: bool) -> sa.Column:
    return sa.Column(name, sa.Integer, sa.ForeignKey("images.number", ondelete="CASCADE"), nullable=False, **options)


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("owner", sa.Text),
        sa.Column("sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("caption", sa.Text),
        sa.Column("caption_source", sa.String(16)),
        sa.Column("caption_model", sa.Text),
        sa.Column("caption_confidence", sa.Float),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True)
    op.create_index("images_by_status", "images", ["status"])

    op.create_table(
        "tags",
        sa.Column("id", sa.Integer, primary_key=True),
        _image(index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("confidence", sa.Float))
    op.create_index("tags_by_key", "tags", ["key", "image_number"])

    op.create_table(
        "characteristics",
        sa.Column("id", sa.Integer, primary_key=True),
        _image(index=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("source", sa.String(16), nullable=False))
    op.create_index("characteristics_by_key", "characteristics", ["key", "image_number"])

    op.create_table(
        "traits",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("characteristic_id", sa.Integer, sa.ForeignKey("characteristics.id", ondelete="CASCADE"),
                  nullable=False, index=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False))
    op.create_index("traits_by_key", "traits", ["kind", "key", "characteristic_id"])

    op.create_table(
        "colours",
        sa.Column("id", sa.Integer, primary_key=True),
        _image(index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hex", sa.String(7), nullable=False),
        sa.Column("share", sa.Float, nullable=False))

    op.create_table(
        "vectors",
        sa.Column("id", sa.Integer, primary_key=True),
        _image(),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True)
    op.create_index("vectors_by_space", "vectors", ["space", "id"])
    op.create_index("vectors_once", "vectors", ["image_number", "space"], unique=True)

    op.create_table(
        "deletions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("image_number", sa.Integer, nullable=False),
        sqlite_autoincrement=True)

    op.create_table(
        "keys",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False))

    if op.get_bind().dialect.name == "sqlite":
        # The service stems the words itself, the same on every engine, so FTS5 only splits at spaces. The column
        # `spelt` holds them as they were written, for completions.
        op.execute("CREATE VIRTUAL TABLE words USING fts5(caption, tags, characteristics, spelt, "
                   "tokenize='unicode61')")
        op.execute("CREATE VIRTUAL TABLE words_known USING fts5vocab(words, 'row')")
        op.execute("CREATE VIRTUAL TABLE words_spelt USING fts5vocab(words, 'col')")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE words_spelt")
        op.execute("DROP TABLE words_known")
        op.execute("DROP TABLE words")
    for table in ("keys", "deletions", "vectors", "colours", "traits", "characteristics", "tags", "images"):
        op.drop_table(table)
