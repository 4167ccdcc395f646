import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text, update

from imagesearch.annotations import Annotation, Subject
from imagesearch.db import Image, Vector
from imagesearch.doctor import Doctor
from imagesearch.renewal import outdated, recaption, reindex, unindexed


@pytest.fixture
def library(services, photo):
    library = services.library
    library.add(photo("chelsea.png"), "cat.png", Annotation(tags=["pet", "animal"], characteristics=[
        Subject("cat", ["ginger"], ["sit"])]))
    library.add(photo("rocket.jpg"), "rocket.jpg", Annotation("a white rocket before a black sky"))
    return library


def findings(library, **options) -> dict[str, list[str]]:
    return {finding.trouble: list(finding.items) for finding in Doctor(library).examine(**options)}


def repair(library, **options) -> None:
    for finding in Doctor(library).examine(**options):
        for item in finding.items:
            if finding.mend:
                finding.mend(item)


def of(library, filename):
    return next(image for image in library.page(10).images if image.filename == filename)


def change(library, sql: str, **values) -> None:
    with library.database.write() as session:
        session.execute(text(sql), values)


def test_what_was_just_stored_is_well(library):
    assert findings(library, checksums=True) == {}


def test_what_was_changed_and_deleted_is_well_too(library):
    image = of(library, "cat.png")
    library.thumbnail(image, 128, "WEBP")
    library.update(image.id, Annotation("a ginger cat", ["animal", "cat"], [Subject("cat", ["ginger"])]))
    library.recaption(image.id)
    library.delete(of(library, "rocket.jpg").id)
    assert findings(library, checksums=True) == {}


def test_what_was_taught_is_well_too(services, library):
    services.teaching.teach(of(library, "cat.png").id, right=["puppy", "dog"])
    services.teaching.update(of(library, "rocket.jpg").id, Annotation(tags=["space", "rocket"]))
    assert findings(library) == {}


def test_files_of_no_image_are_swept(library):
    library.storage.put("ab" * 32, b"orphan")
    stray = library.storage.thumbnail("cd" * 32, 128, "webp")
    stray.parent.mkdir()
    stray.write_bytes(b"stray")
    library.storage.put_thumbnail(of(library, "cat.png").sha256, 128, "webp", b"")
    (library.storage.root / "originals" / "ab" / ".new-x").write_bytes(b"half")
    assert {trouble: len(items) for trouble, items in findings(library).items()} == {
        "half-written files of a crash": 1, "files that no image uses": 1,
        "thumbnails and sounds that are empty or of no image": 2}
    repair(library)
    assert findings(library) == {}
    assert len(list(library.storage)) == 2


def test_a_lost_database_costs_no_picture(library):
    change(library, "DELETE FROM images")
    assert [len(items) for trouble, items in findings(library).items() if "holds no image at all" in trouble] == [2]
    repair(library)
    assert len(list(library.storage)) == 2


def test_a_file_in_a_folder_that_is_not_its_own_is_swept_too(library):
    stray = library.storage.path("ab" * 32).with_name("cd" * 32)
    stray.parent.mkdir()
    stray.write_bytes(b"orphan")
    assert findings(library) == {"files that no image uses": [str(stray)]}
    repair(library)
    assert findings(library) == {}
    assert not stray.exists()


def test_sounds_of_no_image_and_of_captions_that_were_changed_are_swept(library):
    cat, rocket = of(library, "cat.png").sha256, of(library, "rocket.jpg").sha256
    for sha256, key in (("cd" * 32, "1"), (cat, "1"), (cat, "2")):  # as they were once written
        library.storage.speech(sha256, key).parent.mkdir(exist_ok=True)
        library.storage.speech(sha256, key).write_bytes(b"sound")
    kept = library.storage.put_speech(rocket, "1", b"sound")
    assert {trouble: len(items) for trouble, items in findings(library).items()} == {
        "thumbnails and sounds that are empty or of no image": 1, "captions spoken in several ways": 2}
    repair(library)
    assert list(library.storage.speeches()) == [kept]


def test_a_file_that_an_upload_has_just_named_is_not_swept(library, photo):
    finding = next(iter(Doctor(library).examine()), None)
    assert finding is None
    sha256 = of(library, "cat.png").sha256
    assert not library.sweep(sha256)
    assert library.storage.exists(sha256)


def test_a_lost_file_is_told_and_comes_back_by_the_same_upload(library, photo):
    image = of(library, "cat.png")
    library.storage.delete(image.sha256)
    repair(library)
    assert findings(library) == {"images whose file is gone": [image.id]}
    library.add(photo("chelsea.png"))
    assert findings(library) == {}


def test_images_without_file_are_let_go_only_when_that_is_asked_for(library):
    library.storage.delete(of(library, "cat.png").sha256)
    repair(library)
    assert library.count() == 2
    repair(library, forget_lost=True)
    assert library.count() == 1
    assert findings(library) == {}


@pytest.mark.parametrize(("change", "checksums"), [(lambda b: b[:-1], False), (lambda b: b[:-1] + b"x", True)])
def test_damaged_files_are_set_aside(library, photo, change, checksums):
    sha256 = of(library, "cat.png").sha256
    library.storage.path(sha256).write_bytes(change(photo("chelsea.png")))
    assert findings(library, checksums=checksums)["files whose bytes are not what was uploaded"] == [sha256]
    repair(library, checksums=checksums)
    assert (library.storage.root / "damaged" / sha256).exists()
    library.add(photo("chelsea.png"))
    assert findings(library, checksums=True) == {}


@pytest.mark.parametrize("table", ["images", "vectors", "words_data", "tags_by_key"])
def test_damage_in_the_database_is_found_and_nothing_is_mended_by_what_is_left_of_it(library, damage, table):
    files = sorted(library.storage)
    damage(table)
    found, = Doctor(library).examine()
    assert (found.trouble, found.mend, found.serious) == ("damage in the database", None, True)
    assert "restore the last backup" in found.advice
    repair(library, forget_lost=True)
    assert sorted(library.storage) == files


@pytest.mark.parametrize("change", [lambda data: data[:len(data) // 2], lambda data: b"junk" * 5000])
def test_a_database_cut_off_or_overwritten_beneath_us_is_found_too(library, settings, change):
    library.database.engine.dispose()
    file = settings.data_dir / "imagesearch.db"
    file.write_bytes(change(file.read_bytes()))
    assert list(findings(library)) == ["damage in the database"]


def test_rows_that_name_a_missing_one_are_told(library, settings):
    with closing(sqlite3.connect(settings.data_dir / "imagesearch.db")) as shell, shell:  # as a person might
        shell.execute("INSERT INTO colours (image_number, name, hex, share) VALUES (99, 'red', '#f00', 1)")
    assert list(findings(library)) == ["rows that name a missing one"]


def test_missing_vectors_are_made_again(library):
    change(library, "DELETE FROM vectors")
    assert len(findings(library)["images that the models in use have no vector of"]) == 2
    repair(library)
    assert findings(library) == {}


def test_vectors_of_a_wrong_length_are_replaced(library, photo):
    library.add(photo("coffee.png"))
    with library.database.write() as session:
        one = session.query(Vector).order_by(Vector.id).first()
        one.data = one.data[:-2]
    assert len(findings(library)["vectors of a wrong length"]) == 1
    repair(library)
    assert findings(library) == {}


def test_missing_stale_and_stray_words_are_put_right(library):
    cat, rocket = of(library, "cat.png"), of(library, "rocket.jpg")
    change(library, "DELETE FROM words WHERE rowid = :n", n=cat.number)
    change(library, "UPDATE images SET caption = 'a green boat' WHERE number = :n", n=rocket.number)
    change(library, "INSERT INTO words (rowid, caption) VALUES (999, 'ghost')")
    assert findings(library) == {"entries of the text index without an image": ["999"],
                                 "images that the text index lacks or has old words of": [cat.id, rocket.id]}
    repair(library)
    assert findings(library) == {}
    with library.database.read() as session:
        assert library.text.search(session, "boat").numbers.tolist() == [rocket.number]


def test_a_damaged_text_index_is_rebuilt(library):
    change(library, "DELETE FROM words_idx")
    change(library, "DELETE FROM words_data WHERE id > 10")
    assert "the text index is damaged" in findings(library)
    repair(library)
    assert findings(library) == {}


def test_failed_images_are_described_again(library):
    with library.database.write() as session:
        session.execute(update(Image).where(Image.filename == "cat.png").values(status="failed"))
        session.execute(text("DELETE FROM vectors WHERE image_number = 1"))
    assert len(findings(library)["images that could not be described (failed)"]) == 1
    repair(library)
    assert findings(library) == {}
    assert of(library, "cat.png").status == "ready"


def test_pending_images_are_no_alarm(library, photo):
    library.add(photo("coffee.png"), wait=False)
    found, = Doctor(library).examine()
    assert not found.serious
    repair(library)
    assert findings(library) == {}


# ---- after a change of models -------------------------------------------------------------------------

def test_captions_of_another_version_are_written_anew_and_a_persons_never(library):
    assert outdated(library) == []
    change(library, "UPDATE images SET caption = 'old', caption_model = 'vgg16-lstm@0' WHERE caption_source = 'model'")
    change(library, "UPDATE images SET caption_model = NULL WHERE caption_source = 'user'")
    cat = of(library, "cat.png")
    assert outdated(library) == [cat.id]
    every = [image.id for image in library.page(10).images]
    assert [one.trouble for one in recaption(library, every, jobs=2)] == ["", ""]
    assert of(library, "rocket.jpg").caption == "a white rocket before a black sky"
    assert of(library, "cat.png").caption != "old"
    assert {c.source for c in of(library, "cat.png").characteristics} >= {"user"}
    assert (outdated(library), findings(library)) == ([], {})


def test_recaption_of_all_goes_on_where_it_was_stopped(library):
    cat = of(library, "cat.png")
    assert outdated(library, everything=True) == [cat.id]
    assert outdated(library, everything=True, before=cat.updated_at) == []


def test_reindex_fills_the_new_space_beside_the_old_one(library, services):
    old = services.search.similar
    change(library, "UPDATE vectors SET space = 'old@1' WHERE space = :s", s=old.space)
    assert unindexed(library) == 2
    assert [one.trouble for one in reindex(library, jobs=2)] == ["", ""]
    assert (unindexed(library), list(reindex(library, jobs=2))) == (0, [])
    with library.database.read() as session:
        assert old.count(session) == 2
    found, = Doctor(library).examine()
    assert (found.items, found.serious) == (["old@1"], False)
    assert library.retire_spaces() == 2
    assert findings(library) == {}


def test_reindex_names_what_it_cannot_do_and_goes_on(library):
    change(library, "DELETE FROM vectors")
    image = of(library, "cat.png")
    library.storage.delete(image.sha256)
    assert sorted(one.id for one in reindex(library, jobs=2) if one.trouble) == [image.id]
    assert unindexed(library) == 1


def test_a_person_writing_at_that_moment_is_not_overwritten(library):
    cat = of(library, "cat.png")
    change(library, "UPDATE images SET caption_model = 'vgg16-lstm@0'")
    ids = outdated(library)
    library.update(cat.id, Annotation("mine"))
    list(recaption(library, ids, jobs=1))
    assert library.get(cat.id).caption == "mine"
