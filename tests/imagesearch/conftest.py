from pathlib import Path

import pytest

from imagesearch.db import open_database
from tests.imagesearch.sites import serving


@pytest.fixture
def site(photo):
    """A real server on this machine with three photos."""
    with serving() as site:
        for name in ("chelsea.png", "rocket.jpg", "coffee.png"):
            site[f"/{name}"] = photo(name)
        yield site


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def database(url: str):
    database = open_database(url)
    yield database
    database.engine.dispose()
