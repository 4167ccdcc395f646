"""What each engine is asked to do in its own words."""
import contextlib
import io
import sqlite3
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import event, insert, make_url, select, text
from sqlalchemy.exc import OperationalError

from imagesearch import engines
from imagesearch.annotations import Annotation
from imagesearch.bootstrap import build
from imagesearch.config import Settings
from imagesearch.db import Deletion, Tag, Vector, open_database
from imagesearch.errors import BadSetting
from imagesearch.index.pgvector import PgvectorIndex, create
from imagesearch.search import Cut, Filters
from tests.conftest import serving

ALL = Cut(min_score=0)

@pytest.mark.parametrize(("given", "driver"), [
    ("sqlite:////data/a.db", "sqlite"), ("postgres://a:b@c/d", "postgresql+psycopg"),
    ("postgresql://a:b@c/d", "postgresql+psycopg"), ("postgresql+psycopg2://a:b@c/d", "postgresql+psycopg")])
def test_an_address_needs_no_driver(given, driver):
    assert engines.address(given).drivername == driver


@pytest.mark.parametrize("given", ["mysql://root:secret@host/db", "nonsense", "oracle+cx://a:secret@b/c", ":",
                                   "postgresql://me:a@secret:secret/x@db/photos"])
def test_another_engine_is_refused_and_no_password_told(given):
    with pytest.raises(BadSetting, match="must be like sqlite:") as refused:
        engines.address(given)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


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


def test_times_and_letters_do_not_depend_on_the_servers_surroundings(elsewhere, postgresql, monkeypatch):
    name = make_url(elsewhere).database
    postgresql.execute(f"ALTER DATABASE {name} SET client_encoding = 'LATIN1'")
    postgresql.execute(f"ALTER DATABASE {name} SET timezone = 'America/New_York'")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    database = open_database(elsewhere)
    with database.read() as session:
        assert session.execute(text("SHOW client_encoding")).scalar() == "UTF8"
        assert session.execute(text("SHOW timezone")).scalar() == "UTC"
        assert session.execute(select(Tag).where(Tag.key == "😀")).all() == []
    database.engine.dispose()


def test_a_read_only_server_is_a_passing_trouble(elsewhere, tmp_path, postgresql, photo):
    with serving(Settings(data_dir=tmp_path, database_url=elsewhere)) as app:
        services = app.extensions["imagesearch"].services
        services.library.describer  # noqa: B018 - loaded before
        postgresql.execute(f"ALTER DATABASE {make_url(elsewhere).database} SET default_transaction_read_only = on")
        services.database.engine.dispose()
        refused = app.test_client().post("/upload", data={"image": (io.BytesIO(photo("chelsea.png")), "cat.png")})
        assert (refused.status_code, refused.mimetype) == (503, "application/problem+json")


def test_a_service_that_starts_while_another_writes_is_ready_when_that_is_done(elsewhere, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 1)
    monkeypatch.setattr("imagesearch.web.lifecycle.RETRY_S", 0.01)
    with serving(Settings(data_dir=tmp_path, database_url=elsewhere, vectors="pgvector")) as app:
        life, ready = app.extensions["imagesearch"], threading.Event()
        with life.services.database.write():
            life.start(ready.set)
            while "lock timeout" not in life.troubles().get("models", ""):
                assert not life.warm
        assert ready.wait(60)


def test_keys_of_a_database_on_a_server_are_looked_up_before_the_service_listens(elsewhere, tmp_path):
    from imagesearch.web.listening import address

    settings = Settings(data_dir=tmp_path, database_url=elsewhere, host="0.0.0.0")
    with pytest.raises(SystemExit):
        address(settings)
    services = build(settings)
    services.keys.create("laptop", "read")
    services.database.engine.dispose()
    assert address(settings) == "0.0.0.0:8000"


def test_pgvector_finds_what_the_exact_index_finds_by_an_index_of_its_own(elsewhere, tmp_path, photo):
    exact = build(Settings(data_dir=tmp_path, database_url=elsewhere))
    nearly = build(replace(exact.settings, vectors="pgvector"))
    for name in ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png"):
        exact.library.add(photo(name), name, Annotation(tags=["animal"] if name == "chelsea.png" else None))
    nearly.warm()
    for find in (lambda search: search.by_text("a cat", "visual", cut=ALL),
                 lambda search: search.by_text("a brown cup", filters=Filters(tags=["animal"]), cut=ALL),
                 lambda search: search.by_image(photo("horse.png"), cut=ALL)):
        wanted, found = (find(services.search).hits for services in (exact, nearly))
        assert [hit.image for hit in found] == [hit.image for hit in wanted] != []
        assert [hit.score for hit in found] == pytest.approx([hit.score for hit in wanted], abs=1e-3)
    assert "Index Scan using vectors_near_" in plan(nearly, exact.describer.vector(Image.new("RGB", (9, 9))))
    for services in (exact, nearly):
        services.database.engine.dispose()


def test_pgvector_finds_all_there_are_behind_any_number_of_deleted_ones(elsewhere):
    """20,000 rows that are gone would end its search."""
    database, chance = open_database(elsewhere), np.random.default_rng(0)
    vectors = chance.normal(size=(30_000, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float16")
    with database.write() as session:
        session.execute(text(
            "INSERT INTO images (number, id, sha256, filename, format, width, height, bytes, status, attempts, "
            "version, created_at, updated_at) SELECT n, n, n, '', '', 1, 1, 1, 'ready', 0, 1, now(), now() "
            "FROM generate_series(1, 30000) n"))
        session.execute(insert(Vector), [{"image_number": n, "space": "a@1", "data": vector.tobytes()}
                                         for n, vector in enumerate(vectors, 1)])
        session.execute(text("ALTER TABLE vectors SET (autovacuum_enabled = off)"))
    create(database, "a@1", 8)
    order = np.argsort(-(vectors.astype("float32") @ vectors[0].astype("float32"))) + 1
    with database.write() as session:
        session.execute(text("DELETE FROM vectors WHERE image_number = ANY(:gone)"), {"gone": order[:26_000].tolist()})
    with database.read() as session:
        session.execute(text("SET LOCAL enable_sort = off"))
        numbers, _ = PgvectorIndex("a@1").nearest(session, vectors[0].astype("float32"), 20)
        assert len(numbers) == 20
    database.engine.dispose()


def plan(services, vector):
    """How PostgreSQL would look for what is like a picture if the pictures were many."""
    asked = []
    with services.database.read() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
        services.search.similar.nearest(session, vector, 2)
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(connection.exec_driver_sql(f"EXPLAIN {asked[0][0]}", asked[0][1]).scalars())


def test_pgvector_is_postgresqls(tmp_path):
    with pytest.raises(BadSetting, match="needs PostgreSQL"):
        build(Settings(data_dir=tmp_path, vectors="pgvector"))

