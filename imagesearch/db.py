"""The tables, and the one way to a session on them."""
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from sqlalchemy import (
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    inspect,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

from imagesearch import engines
from imagesearch.columns import HalfVector, PublicId, UTCDateTime
from imagesearch.commits import Commits
from imagesearch.errors import BadSetting


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: UTCDateTime, str: Text}  # noqa: RUF012 - SQLAlchemy's own idiom


def table(kind: type[Base]) -> Table:
    """A class's table: for queries of plain columns, of which the ORM's part is a third of the time."""
    return cast(Table, kind.__table__)


class Image(Base):
    """One stored picture. `number` is never reused and orders by arrival; `id` is its public name."""

    __tablename__ = "images"
    __table_args__ = (Index("images_by_status", "status"), {"sqlite_autoincrement": True})

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    id: Mapped[str] = mapped_column(PublicId(32), unique=True)
    owner: Mapped[str | None]
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    filename: Mapped[str]
    format: Mapped[str] = mapped_column(String(16))
    width: Mapped[int]
    height: Mapped[int]
    bytes: Mapped[int]
    caption: Mapped[str | None]
    caption_source: Mapped[str | None] = mapped_column(String(16))
    caption_model: Mapped[str | None]
    caption_confidence: Mapped[float | None] = mapped_column(Float)
    status: Mapped[str] = mapped_column(String(16), default="ready")
    attempts: Mapped[int] = mapped_column(default=0)
    claimed_until: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)

    # a person's before the model's, as they are when they are written
    tags: Mapped[list["Tag"]] = relationship(
        cascade="all, delete-orphan", order_by="Tag.source.desc(), Tag.id", passive_deletes=True)
    characteristics: Mapped[list["Characteristic"]] = relationship(
        cascade="all, delete-orphan", order_by="Characteristic.source.desc(), Characteristic.id", passive_deletes=True)
    colours: Mapped[list["Colour"]] = relationship(
        cascade="all, delete-orphan", order_by="Colour.share.desc()", passive_deletes=True)


def _image_number() -> Mapped[int]:
    return mapped_column(ForeignKey("images.number", ondelete="CASCADE"), index=True)


class Tag(Base):
    """`key` is the name as it is searched: case-folded and stemmed. `source` is `user` or `model`."""

    __tablename__ = "tags"
    __table_args__ = (Index("tags_by_key", "key", "image_number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    image_number: Mapped[int] = _image_number()
    name: Mapped[str]
    key: Mapped[str]
    source: Mapped[str] = mapped_column(String(16), default="user")
    confidence: Mapped[float | None] = mapped_column(Float)


class Characteristic(Base):
    """One subject of a picture, with the colours and actions that hold of it; `source`: `user` or `caption`."""

    __tablename__ = "characteristics"
    __table_args__ = (Index("characteristics_by_key", "key", "image_number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    image_number: Mapped[int] = _image_number()
    subject: Mapped[str]
    key: Mapped[str]
    source: Mapped[str] = mapped_column(String(16), default="user")
    traits: Mapped[list["Trait"]] = relationship(
        cascade="all, delete-orphan", order_by="Trait.id", lazy="selectin", passive_deletes=True)

    def values(self, kind: str) -> list[str]:
        return [t.value for t in self.traits if t.kind == kind]


class Trait(Base):
    """A colour or an action (`kind`) of one characteristic."""

    __tablename__ = "traits"
    __table_args__ = (Index("traits_by_key", "kind", "key", "characteristic_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    characteristic_id: Mapped[int] = mapped_column(ForeignKey("characteristics.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    value: Mapped[str]
    key: Mapped[str]


class Colour(Base):
    """A dominant colour of the picture itself."""

    __tablename__ = "colours"

    id: Mapped[int] = mapped_column(primary_key=True)
    image_number: Mapped[int] = _image_number()
    name: Mapped[str]
    hex: Mapped[str] = mapped_column(String(7))
    share: Mapped[float] = mapped_column(Float)


class Vector(Base):
    """A picture in one model's space (`name@version`), float16. Its growing `id` tells an index what is new."""

    __tablename__ = "vectors"
    __table_args__ = (Index("vectors_by_space", "space", "id"),
                      Index("vectors_once", "image_number", "space", unique=True), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    image_number: Mapped[int] = mapped_column(ForeignKey("images.number", ondelete="CASCADE"))
    space: Mapped[str]
    data: Mapped[bytes] = mapped_column(HalfVector)


class Lesson(Base):
    """What a person taught: that a tag is right or wrong (`correct`) for a picture.

    It keeps the picture's pooled vector (float16, in `space`), so it outlives the picture. `before` is the source the
    tag had on it. A lesson taken back stays, with a row behind it whose `undoes` names it; one that was forgotten
    with its picture stays too, but neither row says of what it was.
    """

    __tablename__ = "lessons"
    __table_args__ = (Index("lessons_by_key", "key", "image_number"), Index("lessons_by_image", "image_number"),
                      Index("lessons_undone", "undoes"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    image_number: Mapped[int | None] = mapped_column(ForeignKey("images.number", ondelete="SET NULL"))
    name: Mapped[str]
    key: Mapped[str]
    correct: Mapped[bool]
    before: Mapped[str | None] = mapped_column(String(16))
    undoes: Mapped[int | None] = mapped_column(ForeignKey("lessons.id", ondelete="CASCADE"))
    space: Mapped[str]
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Origin(Base):
    """Where on the web a picture was fetched from, and what was said there of its maker and licence. The same picture
    may have several, a URL leads to one picture."""

    __tablename__ = "origins"

    id: Mapped[int] = mapped_column(primary_key=True)
    image_number: Mapped[int] = _image_number()
    url: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str | None]
    author: Mapped[str | None]
    licence: Mapped[str | None]
    licence_url: Mapped[str | None]
    page: Mapped[str | None]
    fetched_at: Mapped[datetime] = mapped_column(default=now)


class Deletion(Base):
    """The number of a picture that is gone, so that every process's index lets go of it."""

    __tablename__ = "deletions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    image_number: Mapped[int]


class Key(Base):
    """An API key, kept as SHA-256 (keys are 256 random bits, so no slow hash is needed)."""

    __tablename__ = "keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Database:
    """Sessions for reading and for writing; each `write` is one transaction."""

    def __init__(self, engine: Engine):
        self.engine, self.commits = engine, Commits(engine)
        self._writers = engines.writing(engine)
        self._sessions = sessionmaker(engine, expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        latest = self.commits.latest()  # before the session's view of the database begins
        with self._sessions(info={"latest": latest}) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Commits at the end, rolls back on an exception.

        The transaction begins by waiting for its turn, as one writes at a time. No thread may wait for it that holds
        a lock which whoever is writing may need.
        """
        with self._writers.connect() as connection, self._sessions(bind=connection) as session, session.begin():
            session.connection()  # begins it: the session itself would wait for the first statement
            yield session


def open_database(url: str) -> Database:
    """One with the schema brought up to date. Raises BadSetting."""
    engine = engines.connect(url)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine)


def migrate(engine: Engine) -> None:
    """Alembic's `upgrade head`, in one transaction; two processes that start together take turns. Raises BadSetting
    for the schema of a newer program."""
    folder = Path(__file__).resolve().parent.parent / "migrations"
    known, revision = sorted(path.name[:4] for path in (folder / "versions").glob("[0-9]*.py")), _revision(engine)
    if revision == known[-1]:
        return  # importing Alembic takes 100 ms of a start
    if revision and revision not in known:
        raise BadSetting(f"a newer version of this program has made the database, of revision {revision}; this one "
                         f"knows {known[-1]}: update it")
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder))
    with engines.writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    """Of the schema in place, None for an empty database."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
