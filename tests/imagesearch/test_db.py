import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, inspect, select, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.exc import IntegrityError

from imagesearch.columns import Halfvec
from imagesearch.db import Base, Database, Deletion, Image, Lesson, Tag, open_database
from imagesearch.errors import BadSetting
from tests import postgresql

engine = postgresql.either
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def image(n: int) -> Image:
    return Image(id=str(n), sha256=f"{n:064x}", filename="a.jpg", format="JPEG", width=1, height=1, bytes=1)


def test_the_migrations_lead_from_empty_to_what_the_code_declares(database):
    ischema_names["halfvec"] = Halfvec  # pgvector's type, which SQLAlchemy does not know
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={
            "include_name": lambda name, kind, _: kind != "table" or not name.startswith("words")})
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrations_lead_back_to_empty_and_forth_again(url):
    engine, config = create_engine(url), Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    for _ in range(2):
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        assert "images" in inspect(engine).get_table_names()
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "base")
        assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_a_database_of_a_newer_program_is_told(url):
    database = open_database(url)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.engine.dispose()
    with pytest.raises(BadSetting, match="newer version of this program has made the database, of revision 9999"):
        open_database(url)


def test_a_key_that_had_lost_its_marks_gets_them_again(url):
    open_database(url).engine.dispose()
    engine, config = create_engine(url), Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
        connection.execute(insert(Lesson).values(name="ガラス", key="カラス", correct=True, space="", vector=b""))
        command.upgrade(config, "head")
        assert connection.execute(select(Lesson.key)).scalars().all() == ["ガラス"]
    engine.dispose()


def test_processes_that_open_a_new_database_at_once_take_turns(url):
    troubles: list[Exception] = []

    def opening() -> None:
        try:
            open_database(url).engine.dispose()
        except Exception as error:
            troubles.append(error)
    threads = [threading.Thread(target=opening) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []


def test_foreign_keys_are_enforced_and_cascade(database):
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(Tag(image_number=99, name="dog", key="dog"))
    with database.write() as session:
        session.add(one := image(1))
        session.flush()
        session.add(Tag(image_number=one.number, name="dog", key="dog"))
    with database.write() as session:
        session.execute(text("DELETE FROM images"))
        assert session.scalars(select(Tag)).all() == []


def test_a_writer_waits_for_another_to_end(database):
    begun = threading.Event()

    def slow() -> None:
        with database.write() as session:
            session.add(image(1))
            session.flush()
            begun.set()
            time.sleep(0.3)
    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait()
    with database.write() as session:
        assert [one.id for one in session.scalars(select(Image))] == ["1"]
    thread.join()


def test_a_reader_is_not_held_up_by_a_writer(database):
    with database.write() as session:
        session.add(image(1))
        session.flush()
        with database.read() as other:
            assert other.scalars(select(Image)).all() == []


def test_a_reader_sees_one_moment(database):
    with database.read() as reader:
        assert reader.scalars(select(Image)).all() == []
        with database.write() as session:
            session.add(image(1))
        assert reader.scalars(select(Image)).all() == []
    with database.read() as reader:
        assert len(reader.scalars(select(Image)).all()) == 1


def test_an_exception_takes_everything_back(database):
    def fail() -> None:
        with database.write() as session:
            session.add(image(1))
            session.flush()
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as session:
        assert session.scalars(select(Image)).all() == []


def test_numbers_are_never_used_again(database: Database):
    with database.write() as session:
        session.add(first := image(1))
        session.flush()
        session.delete(first)
        session.add(Deletion(image_number=first.number))
    with database.write() as session:
        session.add(second := image(2))
    assert second.number > first.number


def test_times_come_back_in_utc(database):
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    with database.write() as session:
        session.add(one := image(1))
        one.created_at = moment
    with database.read() as session:
        found = session.scalars(select(Image)).one().created_at
    assert (found, found.tzinfo) == (moment, UTC)
