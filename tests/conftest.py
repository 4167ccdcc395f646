"""Fixtures chain: settings → app → services, client. Everything is real: models, database, files."""
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as generated

from imagesearch.bootstrap import Services, build
from imagesearch.config import Settings
from imagesearch.web.application import create_app
from tests import postgresql as server

# Each run generates the same, and slow machines may be slow. `--hypothesis-profile=default` looks further.
generated.register_profile("repeatable", deadline=None, derandomize=True, database=None,
                           suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
generated.load_profile("repeatable")


@pytest.fixture(scope="session")
def photos() -> Path:
    """A folder of free photos: `astronaut.png`, `chelsea.png` (a cat), `coffee.png`, `rocket.jpg` and others, out of
    the scikit-image wheel."""
    found = importlib.util.find_spec("skimage")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "data"


@pytest.fixture(scope="session")
def photo(photos: Path) -> Callable[[str], bytes]:
    return lambda name: (photos / name).read_bytes()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[server.Server]:
    with server.running() as running:
        yield running


@pytest.fixture
def engine() -> str:
    """Of the database; see `tests.postgresql.either`."""
    return "sqlite"


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Of an empty database; none is the SQLite file in the data folder."""
    if engine == "sqlite":
        yield ""
        return
    with request.getfixturevalue("postgresql").database() as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(data_dir=tmp_path / "data", database_url=database_url, log_level="WARNING")


@contextmanager
def serving(settings: Settings) -> Iterator[Flask]:
    """An application, and everything behind it stopped and closed afterwards."""
    services = build(settings)
    app = create_app(services=services)
    yield app
    app.extensions["imagesearch"].stop()
    services.database.engine.dispose()


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    with serving(settings) as app:
        yield app


@pytest.fixture
def services(app: Flask) -> Services:
    return app.extensions["imagesearch"].services


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
