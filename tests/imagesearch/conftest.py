import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imagesearch.db import open_database
from tests.imagesearch.sites import serving
from tests.postgresql import Server


@pytest.fixture
def site(photo):
    """A real server on this machine with three photos."""
    with serving() as site:
        for name in ("chelsea.png", "rocket.jpg", "coffee.png"):
            site[f"/{name}"] = photo(name)
        yield site


@pytest.fixture
def damage(services) -> Callable[[str], None]:
    """Zeroes the page that a table begins on, as a failing disk does."""
    def damage(table: str) -> None:
        file = services.settings.data_dir / "imagesearch.db"
        services.database.engine.dispose()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            page, = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table]).fetchone()
            size, = connection.execute("PRAGMA page_size").fetchone()
        with file.open("r+b") as opened:
            opened.seek((page - 1) * size)
            opened.write(bytes(size))
    return damage


@pytest.fixture
def url(tmp_path: Path, database_url: str) -> str:
    return database_url or f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def other_url(engine: str, tmp_path: Path, postgresql: Server) -> Iterator[str]:
    """Of an empty database of the other engine."""
    if engine == "postgresql":
        yield f"sqlite:///{tmp_path / 'other.db'}"
    else:
        with postgresql.database() as url:
            yield url


@pytest.fixture
def database(url: str):
    database = open_database(url)
    yield database
    database.engine.dispose()
