"""The database in use, to ourselves for as long as a restore puts another in its place."""
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from sqlalchemy import delete, func, select, text

from imagesearch import copying, engines
from imagesearch.db import Base, Database, Image, Key, open_database, table
from imagesearch.errors import ServiceError
from imagesearch.index.tsvector import TsvectorIndex
from imagesearch.storage import FolderStorage

# Puts the rows of an SQLite file, whose images have these hashes, in the place of those there are, in one transaction;
# then the files go that no row names.
Replace = Callable[[Path, set[str]], None]


class InUse(ServiceError):
    """The place is not free to be restored into."""


def taken(url: str, storage: FolderStorage, replace: bool) -> AbstractContextManager[Replace]:
    """Raises InUse where a service runs on it, or where there are data (without `replace`)."""
    parsed = engines.address(url)
    if parsed.get_backend_name() == "sqlite":
        return _file(Path(parsed.database or ""), storage, replace)
    return _server(url, storage, replace)


def refuse_data(has: bool, root: Path, replace: bool) -> None:
    """Raises InUse."""
    if has and not replace:
        raise InUse(f"{root} holds data already. Restore into an empty DATA_DIR, or give --replace, which puts the "
                    "archive in the place of what is there")


# ---- SQLite ------------------------------------------------------------------------------------------

@contextmanager
def _file(place: Path, storage: FolderStorage, replace: bool) -> Iterator[Replace]:
    """Out of WAL mode, which SQLite does not allow while anyone else has the file open, and locked from then on, so
    that a service that is started meanwhile does not get hold of it."""
    def put(copy: Path, hashes: set[str]) -> None:
        with closing(sqlite3.connect(copy)) as source:
            source.backup(live)
        for sha256 in [s for s in storage if s not in hashes]:  # while it is still ours: a service that starts could
            storage.delete(sha256)  # be given one of them again, and lose it

    place.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(place, timeout=1)) as live:
        if not _locked(live, place):
            raise InUse(f"a service is running on {place}: stop it, then restore")
        refuse_data(_has_rows(live) or next(iter(storage), None) is not None, storage.root, replace)
        yield put


def _locked(live: sqlite3.Connection, place: Path) -> bool:
    try:
        mode, = live.execute("PRAGMA journal_mode=DELETE").fetchone()
        live.execute("PRAGMA locking_mode=EXCLUSIVE")
        live.execute("BEGIN EXCLUSIVE")
        live.commit()  # in this mode the lock outlives the transaction
        return bool(mode == "delete")
    except sqlite3.OperationalError:
        return False
    except sqlite3.DatabaseError as error:
        raise InUse(f"{place} cannot be read ({error}): move it away, with its -wal and -shm if there are any, then "
                    "restore") from error


def _has_rows(live: sqlite3.Connection) -> bool:
    try:
        return bool(live.execute("SELECT EXISTS (SELECT 1 FROM images) OR EXISTS (SELECT 1 FROM keys)").fetchone()[0])
    except sqlite3.OperationalError:  # no tables yet
        return False
    except sqlite3.DatabaseError:  # damaged: who restores with --replace wants to be rid of it
        return True


# ---- PostgreSQL --------------------------------------------------------------------------------------

OTHERS = ("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
          "AND coalesce(backend_type, 'client backend') = 'client backend'")


@contextmanager
def _server(url: str, storage: FolderStorage, replace: bool) -> Iterator[Replace]:
    """In a transaction whose locks let nobody read until it ends: a service that is started meanwhile waits, at the
    first thing it reads, the revision; what it had read before would be wrong for good."""
    database = open_database(url)
    try:
        with database.write() as session:
            session.execute(text("LOCK TABLE alembic_version, images IN ACCESS EXCLUSIVE MODE"))
            if session.scalar(text(OTHERS)):
                raise InUse(f"somebody else is connected to the database {database.engine.url.database!r}: stop the "
                            "service, then restore")
            rows = sum(session.scalar(select(func.count()).select_from(table(kind))) or 0 for kind in (Image, Key))
            refuse_data(rows > 0 or next(iter(storage), None) is not None, storage.root, replace)

            def put(copy: Path, _hashes: set[str]) -> None:
                words = TsvectorIndex()
                words.clear(session)
                for one in reversed(Base.metadata.sorted_tables):
                    session.execute(delete(one))
                source = open_database(f"sqlite:///{copy}")  # brings an older one up to date
                try:
                    with source.read() as reading:
                        for _ in copying.into(session, reading, words):
                            pass
                finally:
                    source.engine.dispose()
            yield put
        _sweep(database, storage)
    finally:
        database.engine.dispose()


def _sweep(database: Database, storage: FolderStorage) -> None:
    """Files that no row names; an upload of the same picture waits for the same turn, and stores it again."""
    with database.write() as session:
        named = set(session.scalars(select(Image.sha256)))
        for sha256 in [s for s in storage if s not in named]:
            storage.delete(sha256)
