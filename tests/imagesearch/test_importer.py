import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from imagesearch import importer
from imagesearch.annotations import Annotation
from imagesearch.importer import Importer, look
from imagesearch.pool import interruptible


@pytest.fixture
def folder(tmp_path: Path, photo) -> Path:
    """Three photos in two folders, of which one has a line."""
    root = tmp_path / "photos"
    (root / "more" / "deep").mkdir(parents=True)
    (root / "cat.png").write_bytes(photo("chelsea.png"))
    (root / "more" / "rocket.jpg").write_bytes(photo("rocket.jpg"))
    (root / "more" / "deep" / "coffee").write_bytes(photo("coffee.png"))
    (root / "descriptions.txt").write_text("cat.png a cat looks up\n")
    return root


def run(services, folder: Path, **options) -> tuple[Counter, dict[str, str]]:
    outcomes = list(Importer(services.library, look(folder)).run(jobs=2, **options))
    return Counter(o.kind for o in outcomes), {os.path.basename(o.path): o.reason for o in outcomes if o.kind == "bad"}


def captions(services) -> dict[str, tuple[str, str]]:
    return {i.filename: (i.caption_source, i.caption) for i in services.library.page(100).images}


def test_photos_come_in_with_their_captions_and_the_others_are_described(services, folder):
    counts, _ = run(services, folder)
    assert counts == {"stored": 3}
    found = captions(services)
    assert found["cat.png"] == ("user", "a cat looks up")
    assert found["rocket.jpg"][0] == "model"
    assert "coffee" in found  # the content decides, not the suffix


def test_a_second_run_stores_nothing_twice(services, folder):
    run(services, folder)
    assert run(services, folder)[0] == {"known": 3}
    assert services.library.count() == 3


def test_an_interrupted_run_is_gone_on_with(services, folder):
    assert run(services, folder, limit=1)[0] == {"stored": 1}
    assert run(services, folder)[0] == {"known": 1, "stored": 2}


def test_the_same_photo_in_two_places_is_stored_once(services, folder, photo):
    (folder / "more" / "copy.png").write_bytes(photo("chelsea.png"))
    counts, _ = run(services, folder)
    assert counts == {"stored": 3, "known": 1}
    assert services.library.count() == 3


def test_a_line_added_later_takes_the_place_of_the_models_caption_and_not_of_a_persons(services, folder):
    run(services, folder)
    (folder / "descriptions.txt").write_text("cat.png another cat\nrocket.jpg a white rocket\n")
    assert run(services, folder)[0] == {"known": 2, "captioned": 1}
    found = captions(services)
    assert (found["cat.png"][1], found["rocket.jpg"][1]) == ("a cat looks up", "a white rocket")


def test_what_a_person_writes_while_a_batch_is_taken_in_stays(services, folder, monkeypatch):
    run(services, folder)
    (folder / "descriptions.txt").write_text("rocket.jpg a white rocket\ncoffee a cup\n")
    library, add = services.library, services.library.add
    coffee = next(image.id for image in library.page(100).images if image.filename == "coffee")

    def meanwhile(*given):
        library.update(coffee, Annotation("my coffee"))
        return add(*given)
    monkeypatch.setattr(library, "add", meanwhile)
    assert run(services, folder)[0] == {"known": 2, "captioned": 1}
    assert captions(services)["coffee"] == ("user", "my coffee")


def test_bad_files_are_named_and_skipped(services, folder, photo):
    (folder / "cut.jpg").write_bytes(photo("rocket.jpg")[:5000])
    (folder / "text.jpg").write_text("no picture")
    (folder / "broken.jpg").symlink_to(folder / "nowhere")
    (folder / "device.jpg").symlink_to("/dev/zero")
    with open(folder / "film.jpg", "wb") as film:
        film.truncate(services.settings.max_upload_bytes + 1)
    counts, bad = run(services, folder)
    assert counts == {"stored": 3, "bad": 5}
    assert "cut off or damaged" in bad["cut.jpg"]
    assert "text" in bad["text.jpg"]
    assert bad["broken.jpg"] == "cannot be read: No such file or directory"
    assert bad["device.jpg"] == "is no regular file"
    assert "MAX_UPLOAD_MB=25" in bad["film.jpg"]


def test_copies_of_a_bad_file_are_bad_too(services, folder):
    for n in range(3):
        (folder / f"{n}.jpg").write_text("no picture")
    counts, bad = run(services, folder)
    assert counts == {"stored": 3, "bad": 3}
    assert list(bad) == ["0.jpg", "1.jpg", "2.jpg"]


def test_long_strips_are_not_held_in_memory_together(services, tmp_path, monkeypatch):
    (tmp_path / "strips").mkdir()
    for shade in range(3):
        Image.new("L", (300, 40_000), shade).save(tmp_path / "strips" / f"{shade}.png")  # 36 MB each as RGB
    store, together = services.library.store, []
    monkeypatch.setattr(services.library, "store", lambda all: together.append(len(all)) or store(all))
    assert run(services, tmp_path / "strips")[0] == {"stored": 3}
    assert together == [1, 1, 1]


def test_a_caption_that_cannot_be_taken_is_named_and_its_photo_left_out(services, folder):
    (folder / "descriptions.txt").write_text("cat.png " + "x" * 2001)
    counts, bad = run(services, folder)
    assert counts == {"stored": 2, "bad": 1}
    assert "2,001 characters" in bad["cat.png"]


def test_links_in_circles_pipes_and_hidden_files_do_no_harm(folder):
    (folder / "more" / "up").symlink_to(folder)
    (folder / "self").symlink_to("self")
    (folder / ".hidden.jpg").write_bytes(b"x")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x.jpg").write_bytes(b"x")
    os.mkfifo(folder / "pipe.jpg")
    found = look(folder)
    assert [os.path.basename(path) for path in found.files] == ["cat.png", "rocket.jpg", "coffee"]


def test_a_folder_linked_in_from_elsewhere_is_walked(folder, tmp_path, photo):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").write_bytes(photo("coffee.png"))
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    assert str(folder / "link" / "a.png") in look(folder).files


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_a_folder_that_may_not_be_read_is_named(folder):
    (folder / "more").chmod(0)
    found = look(folder)
    (folder / "more").chmod(0o755)
    assert [o.reason for o in found.bad] == ["the folder cannot be read: Permission denied"]


def test_a_very_deep_tree_is_walked(tmp_path, photo):
    deep = tmp_path
    for _ in range(60):
        deep = deep / "folder"
    deep.mkdir(parents=True)
    (deep / "a.png").write_bytes(photo("coffee.png"))
    (tmp_path / "captions.csv").write_text("image,caption\na.png,a cup\n")
    found = look(tmp_path)
    assert found.caption(found.files[0]) == "a cup"


def test_the_nearest_captions_file_that_names_a_photo_counts(folder):
    (folder / "more" / "captions.tsv").write_text("rocket.jpg\tnear\n")
    (folder / "captions.csv").write_text("this is not looked at,descriptions.txt comes first\n")
    (folder / "descriptions.txt").write_text("rocket.jpg far\ncoffee a cup\nghost.jpg nobody\n")
    found = look(folder)
    assert [found.caption(path) for path in found.files] == [None, "near", "a cup"]
    assert found.unnamed() == ["ghost.jpg"]


def test_a_captions_file_given_by_name_replaces_the_others(folder, tmp_path):
    (tmp_path / "mine.csv").write_text("file,text\nmore/rocket.jpg,mine\n")
    found = look(folder, tmp_path / "mine.csv")
    assert [found.caption(path) for path in found.files] == [None, "mine", None]


def test_the_services_own_folder_is_left_out(services, folder, photo):
    services.library.add(photo("rocket.jpg"), annotation=Annotation("a rocket"))
    inside = services.storage.root.parent
    assert all(str(services.storage.root) not in path for path in look(inside, without=[services.storage.root]).files)


def test_when_asked_to_stop_it_ends_what_it_began(services, folder):
    for n in range(100):
        (folder / f"{n:03}.jpg").write_text(f"no picture {n}")
    outcomes: list[str] = []
    with interruptible() as stop:
        for outcome in Importer(services.library, look(folder)).run(jobs=1, stop=stop):
            if not outcomes:
                os.kill(os.getpid(), signal.SIGTERM)  # taken as a wish, not as death
            outcomes.append(outcome.kind)
    assert 0 < len(outcomes) <= 3 * importer.BATCH < 103
    assert outcomes.count("stored") == services.library.count()


def test_the_summary_counts_by_kind():
    assert importer.summary(Counter(stored=1200, bad=1)) == "1,200 stored, 1 bad"
