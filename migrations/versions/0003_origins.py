"""Origins: the URLs that pictures were fetched from, with author and licence."""
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "origins",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("image_number", sa.Integer, sa.ForeignKey("images.number", ondelete="CASCADE"), nullable=False),
        sa.Column("url", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text),
        sa.Column("author", sa.Text),
        sa.Column("licence", sa.Text),
        sa.Column("licence_url", sa.Text),
        sa.Column("page", sa.Text),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False))
    op.create_index("ix_origins_image_number", "origins", ["image_number"])


def downgrade() -> None:
    op.drop_table("origins")
