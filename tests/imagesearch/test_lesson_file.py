"""What was taught in one library is learnt by another; a file that is not whole teaches nothing."""
import json
import os
from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from imagesearch.bootstrap import build
from imagesearch.cli import main
from imagesearch.db import Lesson
from imagesearch.lesson_file import BadLessons


@pytest.fixture
def taught(services, photo, tmp_path):
    """A file of three lessons on a cat and a cup."""
    cat, cup = (services.library.add(photo(name)).image.id for name in ("chelsea.png", "coffee.png"))
    services.teaching.teach(cat, ["Chelsea"], ["dog"])
    services.teaching.teach(cup, ["mug"])
    assert services.teaching.export(tmp_path / "taught.jsonl") == (3, 0)
    return tmp_path / "taught.jsonl"


@pytest.fixture
def other(settings, tmp_path, photo):
    """Another library, with the same cat in it."""
    services = build(replace(settings, data_dir=tmp_path / "other"))
    services.library.add(photo("chelsea.png"))
    yield services
    services.database.engine.dispose()


def statistics(services):
    with services.database.read() as session:
        return services.library.tagging._fresh(session).lessons.export()


def cat_tags(services):
    image, = services.library.page(1).images
    return {tag.name: tag.source for tag in image.tags}


def test_another_library_gains_the_tags_and_the_very_statistics(services, other, taught):
    found = other.teaching.take_in(taught)
    assert [(c.name, len(c.gained)) for c in found.changes] == [("chelsea", 1), ("dog", 0), ("mug", 0)]
    assert cat_tags(other)["chelsea"] == "model"
    assert statistics(other) == statistics(services)


def test_an_older_lesson_on_a_tag_without_a_word_is_left_out(services, taught, tmp_path):
    with services.database.write() as session:
        session.execute(update(Lesson).where(Lesson.name == "mug").values(name="!!!", key=""))
    assert services.teaching.export(tmp_path / "again.jsonl") == (2, 0)


def test_imported_twice_or_into_its_own_library_a_file_adds_nothing(services, other, taught):
    other.teaching.take_in(taught)
    assert other.teaching.take_in(taught).lessons == []
    assert services.teaching.take_in(taught).lessons == []


def test_an_imported_lesson_can_be_taken_back(other, taught):
    before = cat_tags(other)
    for lesson in other.teaching.take_in(taught).lessons:
        other.teaching.undo(lesson.id)
    assert cat_tags(other) == before


def test_lessons_taken_back_or_of_another_encoder_are_left_out(services, taught, tmp_path):
    newest, _ = services.teaching.lessons(1)[0]
    services.teaching.undo(newest.id)
    with services.database.write() as session:
        session.execute(update(Lesson).where(Lesson.name == "dog").values(space="old@1"))
    assert services.teaching.export(tmp_path / "fewer.jsonl") == (1, 1)


def altered(header=None, line=None, again=True):
    """A change of the file's header, or of its first lesson, with the checksum made to fit it `again`."""
    from hashlib import sha256

    def alter(data):
        first, body = data.split(b"\n", 1)
        one, rest = body.split(b"\n", 1)
        if line:
            body = json.dumps(json.loads(one) | line).encode() + b"\n" + rest
        fresh = {"sha256": sha256(body).hexdigest()} if again else {}
        return json.dumps(json.loads(first) | fresh | (header or {})).encode() + b"\n" + body
    return alter


BAD = {
    "another encoder": (altered({"space": "xception-pooled@1234"}), "vectors of xception-pooled@1234"),
    "another version": (altered({"format": "imagesearch lessons 2"}), "version 'imagesearch lessons 2'"),
    "cut off in a lesson": (lambda data: data[:-100], "cut off: it has 2 of 3"),
    "cut off after a lesson": (lambda data: data[:data.rindex(b"\n", 0, -1) + 1], "cut off: it has 2 of 3"),
    "cut off in its first line": (lambda data: data[:30], "not a file of lessons"),
    "a lesson changed": (altered(line={"tag": "lion"}, again=False), "does not match its checksum"),
    "a vector too short": (altered(line={"vector": "AAA="}), "line 2 is no lesson: expected a vector of 512"),
    "a vector that is none": (altered(line={"vector": "/" * 1364 + "/w=="}), "line 2 is no lesson"),
    "a tag without end": (altered(line={"tag": "x" * 10_000}), "line 2 is no lesson: has 10,000 characters"),
    "no tag": (altered(line={"tag": None}), "line 2 is no lesson"),
    "a time that is none": (altered(line={"taught_at": "soon"}), "line 2 is no lesson"),
    "a picture": (lambda data: b"\x89PNG\r\n\x1a\n" + data, "not a file of lessons"),
    "empty": (lambda data: b"", "not a file of lessons"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_by_name_and_teaches_nothing(other, taught, what):
    alter, reason = BAD[what]
    other.teaching.take_in(taught)
    lessons, learnt = other.teaching.lessons(10), statistics(other)
    taught.write_bytes(alter(taught.read_bytes()))
    with pytest.raises(BadLessons) as refusal:
        other.teaching.take_in(taught)
    assert str(taught) in str(refusal.value)
    assert reason in str(refusal.value)
    assert [one.id for one, _ in other.teaching.lessons(10)] == [one.id for one, _ in lessons]
    assert statistics(other) == learnt


def test_a_file_is_on_the_disk_before_it_is_in_its_place_and_then_its_folder_is(services, taught, monkeypatch):
    def noted(done, name):
        return lambda handle, *rest: steps.append(name(handle)) or done(handle, *rest)

    steps = []
    monkeypatch.setattr(os, "fsync", noted(os.fsync, lambda handle: os.fstat(handle).st_ino))
    monkeypatch.setattr(os, "replace", noted(os.replace, lambda source: "renamed"))
    services.teaching.export(taught)
    assert steps == [taught.stat().st_ino, "renamed", taught.parent.stat().st_ino]


def test_the_command_line_carries_lessons_over(other, taught):
    run = CliRunner(env={"DATA_DIR": str(other.settings.data_dir), "DATABASE_URL": "", "API_KEYS": ""})
    learnt = run.invoke(main, ["lessons", "import", str(taught)])
    assert learnt.output.splitlines()[:2] == ["3 lessons learnt", "    chelsea: 1 images gained it, 0 lost it"]
    again = run.invoke(main, ["lessons", "export", str(taught)])
    assert (again.exit_code, "exists; give another name" in again.output) == (1, True)
    assert run.invoke(main, ["lessons", "export", str(taught), "--force"]).output.startswith("3 lessons in ")
    taught.write_bytes(taught.read_bytes()[:-9])
    cut = run.invoke(main, ["lessons", "import", str(taught)])
    assert (cut.exit_code, "cut off" in cut.output) == (1, True)
