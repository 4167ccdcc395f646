"""Whether anything has been committed since: so that caches need not ask every table before every search."""
import sqlite3
import threading
from itertools import count
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

Stamp = tuple[int, int | str]
ASKED = {"sqlite": "PRAGMA data_version", "postgresql": "SELECT pg_current_snapshot()::text"}


class Commits:
    """SQLite counts, for a connection that writes nothing itself, what all others commit, in any process; PostgreSQL
    says which transactions are still under way. Asking for that takes 5 µs, or 60; a search has three caches and the
    keys, and a query for each took half a millisecond."""

    def __init__(self, engine: Engine):
        self._engine, self._lock = engine, threading.Lock()
        self._question = ASKED[engine.dialect.name] if _is_shared(engine) else None
        self._connection: Any = None  # of the driver, beside the pool
        self._opened, self._generations = 0, count(1)
        event.listen(engine, "engine_disposed", lambda _: self._close())

    def latest(self) -> Stamp | None:
        """Another one after every commit; None where the engine cannot tell, or not just now."""
        if self._question is None:
            return None
        with self._lock:
            try:
                connection = self._connection or self._open()
                return self._opened, connection.execute(self._question).fetchone()[0]
            except self._engine.dialect.loaded_dbapi.Error:
                self._drop()
                return None

    def _open(self) -> Any:
        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        if self._engine.dialect.name == "sqlite":
            self._connection = sqlite3.connect(arguments[0], timeout=0, check_same_thread=False,
                                               uri=options.get("uri", False))
        else:
            self._connection = self._engine.dialect.connect(*arguments, **options, autocommit=True)
        self._opened = next(self._generations)  # every connection to SQLite counts from one
        return self._connection

    def _close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Cached:
    """As of which commit a cache is right. Not safe among threads: the cache has a lock of its own."""

    def __init__(self) -> None:
        self._stamp: Stamp | None = None

    def is_right(self, session: Session) -> bool:
        """Whether nothing has been committed since `now_right`. Never in a session for writing."""
        latest = session.info.get("latest")
        return latest is not None and latest == self._stamp

    def now_right(self, session: Session) -> None:
        """The cache has taken in all that the session sees."""
        self._stamp = session.info.get("latest")


def _is_shared(engine: Engine) -> bool:
    """Whether another connection comes to the same database: of SQLite's not where it is in memory."""
    name = engine.url.database or ""
    in_memory = not name or ":memory:" in name or "memory" in engine.url.query.get("mode", "")
    return engine.dialect.name != "sqlite" or not in_memory
