"""Connections to SQLite and to PostgreSQL, made to behave alike: one transaction writes at a time, so that rows get
their numbers in the order in which others come to see them; and whoever reads sees one moment of the database."""
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import QueuePool

from imagesearch.errors import BadSetting

BUSY_TIMEOUT_MS = 10_000  # an upload's transaction takes about 2 ms
ENGINES = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}  # with a driver
# A server that is gone, or whose machine is, is given up; the client's own surroundings do not choose an encoding.
PATIENCE = {"connect_timeout": "10", "tcp_user_timeout": "30000", "client_encoding": "utf8"}
WRITERS = 0x1DEA5  # the advisory lock that stands for SQLite's write lock; any number, the same in all processes


def address(url: str) -> URL:
    """Raises BadSetting for one of another engine."""
    try:
        found = make_url(url)
        found = found.set(drivername=ENGINES[found.get_backend_name()])
    except (ArgumentError, NoSuchModuleError, KeyError, ValueError):
        raise BadSetting(f"DATABASE_URL={url.partition(':')[0]}:…: must be like sqlite:////folder/file.db or "
                         "postgresql://user:password@host/database, and @ : / # in a password be written as %40 %3A "
                         "%2F %23") from None  # the cause tells a part of the password
    return found if found.get_backend_name() == "sqlite" else found.set(query={**PATIENCE, **found.query})


def connect(url: str) -> Engine:
    """An engine whose readers see one moment. Opens no connection yet. Raises BadSetting."""
    found = address(url)
    # as many connections as requests at work: THREADS is their limit, not the pool
    options: dict[str, Any] = {"poolclass": QueuePool, "max_overflow": -1}
    if found.get_backend_name() == "sqlite":
        if found.database:
            Path(found.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(found, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(found, pool_pre_ping=True, isolation_level="REPEATABLE READ", **options)
    event.listen(engine, "connect", _prepare_postgresql, insert=True)  # before SQLAlchemy, which fails on SQL_ASCII
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def writing(engine: Engine) -> Engine:
    """The same connections for transactions that write: each begins by waiting until no other does."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(writing=True)
    # a view of the database as of the beginning would be older than what the writer before it has left
    return engine.execution_options(writing=True, isolation_level="READ COMMITTED")


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions below, the driver must not
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    _use_wal(cursor)
    for pragma in ("foreign_keys=ON", "synchronous=FULL", "temp_store=MEMORY", "cache_size=-16000"):
        # synchronous=FULL: in WAL mode NORMAL could lose an acknowledged upload at a power cut
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Of several connections that put a new database into WAL mode at once, SQLite lets some fail without waiting."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    """A reader that turns writer cannot wait for another writer, it fails: so writers say so at once."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise BadSetting(f"DATABASE_URL: the database has the encoding {encoding}; make one with "
                         "CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'")
    # pgvector gives 40 at the most unless it is told to look further and, from 1,000 on, to go on, past as many
    # deleted rows as there may be
    settings = {"TimeZone": "'UTC'", "lock_timeout": BUSY_TIMEOUT_MS, "hnsw.ef_search": 1000,
                "hnsw.iterative_scan": "relaxed_order", "hnsw.max_scan_tuples": 2**31 - 1}
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")
    connection.commit()


def _begin_postgresql(connection: Connection) -> None:
    if _writes(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("writing"))
