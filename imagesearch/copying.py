"""All rows of a database into an empty one, of the same engine or the other; the files stay where they are."""
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text
from sqlalchemy.orm import Session

from imagesearch.db import Base, Database, Deletion, Image, table
from imagesearch.errors import Invalid
from imagesearch.index import TextIndex
from imagesearch.library import Library, after

CHUNK = 500  # rows in a statement
# Deletions are news for processes that hold copies of what they read; nobody has read the new database yet.
TABLES = [one for one in Base.metadata.sorted_tables if one is not table(Deletion)]  # what is named before who names it


def size(source: Database) -> int:
    """How many rows there are to copy; the images count twice, as their words are put anew."""
    with source.read() as session:
        return sum(_count(session.connection(), one) for one in [*TABLES, table(Image)])


def copy(source: Database, target: Database, words: TextIndex) -> Iterator[int]:
    """Copies in one transaction of each: what the source held at one moment, or nothing. Gives the number of rows of
    each step as it is done.

    :param words: the target's text index
    Raises Invalid for a target that is not empty.
    """
    with source.read() as reading, target.write() as writing:
        if taken := [one.name for one in TABLES if _count(writing.connection(), one)]:
            raise Invalid(f"the database there is not empty, it has {', '.join(taken)}: name a new one", "url")
        yield from into(writing, reading, words)


def into(writing: Session, reading: Session, words: TextIndex) -> Iterator[int]:
    """As `copy`, between two sessions: all that one sees, into empty tables."""
    for one in TABLES:
        with reading.connection().execute(_ordered(one), execution_options={"yield_per": CHUNK}) as found:
            for rows in found.partitions():
                writing.connection().execute(insert(one), [dict(row._mapping) for row in rows])
                yield len(rows)
    if writing.get_bind().dialect.name == "postgresql":
        _count_on(writing.connection())
    yield from _put_words(writing, words)


def _ordered(one: Table) -> Any:
    """Oldest first: a row that names another of its table stands behind it."""
    return select(one).order_by(*one.primary_key)


def _count(connection: Connection, one: Table) -> int:
    return connection.execute(select(func.count()).select_from(one)).scalar_one()


def _count_on(connection: Connection) -> None:
    """PostgreSQL's sequences do not notice rows that bring their number along."""
    for one in TABLES:
        key, = one.primary_key
        connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{one.name}', '{key.name}'), max({key.name})) "
                                f"FROM {one.name} HAVING count(*) > 0"))


def _put_words(session: Session, words: TextIndex) -> Iterator[int]:
    last = 0
    while images := after(session, last, CHUNK):
        words.put(session, {image.number: Library.searchable(image) for image in images})
        last = images[-1].number
        session.expunge_all()  # else all images are in memory at the end
        yield len(images)
