"""What each engine is asked to do in its own words."""
import contextlib
import sqlite3

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from imagesearch import engines
from imagesearch.bootstrap import build
from imagesearch.config import Settings
from imagesearch.db import Deletion, open_database
from imagesearch.errors import BadSetting
from tests.conftest import serving


@pytest.mark.parametrize(("given", "driver"), [
    ("sqlite:////tmp/a.db", "sqlite"), ("postgres://a:b@c/d", "postgresql+psycopg"),
    ("postgresql://a:b@c/d", "postgresql+psycopg"), ("postgresql+psycopg2://a:b@c/d", "postgresql+psycopg")])
def test_an_address_needs_no_driver(given, driver):
    assert engines.address(given).drivername == driver


@pytest.mark.parametrize("given", ["mysql://root:secret@host/db", "nonsense", "oracle+cx://a:secret@b/c", ":"])
def test_another_engine_is_refused_and_no_password_told(given):
    with pytest.raises(BadSetting, match="must be like sqlite:") as refused:
        engines.address(given)
    assert "secret" not in str(refused.value)


# ---- SQLite ------------------------------------------------------------------------------------------

def test_sqlite_keeps_what_it_acknowledged_and_waits_for_its_turn(database):
    with database.read() as session:
        found = {name: session.execute(text(f"PRAGMA {name}")).scalar()
                 for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")}
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 10_000}


def test_the_write_lock_is_taken_before_anything_is_done_with_it(url, database):
    with database.write(), contextlib.closing(sqlite3.connect(make_url(url).database, timeout=0)) as other, \
            pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")


def test_a_database_in_memory_or_locked_counts_no_commits(url, database):
    other = open_database("sqlite:///:memory:")
    assert other.commits.latest() is None
    other.engine.dispose()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA locking_mode=EXCLUSIVE")
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
        blocked = database.commits.latest()
        connection.exec_driver_sql("ROLLBACK")
        connection.invalidate()
    assert blocked is None


# ---- PostgreSQL --------------------------------------------------------------------------------------

@pytest.fixture
def elsewhere(postgresql):
    with postgresql.database() as url:
        yield url


def test_a_database_that_cannot_hold_every_letter_is_refused(postgresql):
    with postgresql.database("ENCODING 'SQL_ASCII'") as url, pytest.raises(BadSetting, match="SQL_ASCII; make one"):
        open_database(url)


def test_a_writer_does_not_wait_for_ever(elsewhere, monkeypatch):
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 1)
    one = open_database(elsewhere)
    with one.write(), pytest.raises(OperationalError, match="lock timeout"), one.write():
        pass
    one.engine.dispose()


def test_a_service_goes_on_when_the_server_has_closed_its_connections(elsewhere, tmp_path, postgresql):
    with serving(Settings(data_dir=tmp_path, database_url=elsewhere)) as app:
        database = app.extensions["imagesearch"].services.database
        assert app.test_client().get("/images").status_code == 200
        before = database.commits.latest()
        postgresql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test%'")
        assert app.test_client().get("/images").status_code == 200
        with database.write() as session:
            session.add(Deletion(image_number=1))
        assert database.commits.latest() not in {before, None}


def test_keys_of_a_database_on_a_server_are_looked_up_before_the_service_listens(elsewhere, tmp_path):
    from imagesearch.web.listening import address

    settings = Settings(data_dir=tmp_path, database_url=elsewhere, host="0.0.0.0")
    with pytest.raises(SystemExit):
        address(settings)
    services = build(settings)
    services.keys.create("laptop", "read")
    services.database.engine.dispose()
    assert address(settings) == "0.0.0.0:8000"
