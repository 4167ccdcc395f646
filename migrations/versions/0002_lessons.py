"""Lessons: what people taught the taggers, kept so that each can be undone."""
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "lessons",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("image_number", sa.Integer, sa.ForeignKey("images.number", ondelete="SET NULL")),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("correct", sa.Boolean, nullable=False),
        sa.Column("before", sa.String(16)),
        sa.Column("undoes", sa.Integer, sa.ForeignKey("lessons.id", ondelete="CASCADE")),
        sa.Column("space", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True)
    op.create_index("lessons_by_key", "lessons", ["key", "image_number"])
    op.create_index("lessons_by_image", "lessons", ["image_number"])
    op.create_index("lessons_undone", "lessons", ["undoes"])


def downgrade() -> None:
    op.drop_table("lessons")
