"""What was saved comes back into the other engine."""
from dataclasses import replace

import pytest

from imagesearch.annotations import Annotation
from imagesearch.archive import backup, restore
from imagesearch.bootstrap import build
from imagesearch.doctor import Doctor
from imagesearch.live import InUse
from tests import postgresql

engine = postgresql.either


@pytest.fixture
def saved(services, photo, tmp_path):
    """A backup of two pictures and a key."""
    services.library.add(photo("chelsea.png"), "cat.png", Annotation("a ginger cat", ["pet"]))
    services.library.add(photo("rocket.jpg"), "rocket.jpg")
    services.keys.create("mine", "read")
    backup(services.database, services.storage, tmp_path / "backup.zip")
    return tmp_path / "backup.zip"


@pytest.fixture
def elsewhere(settings, tmp_path, other_url):
    return replace(settings, data_dir=tmp_path / "elsewhere", database_url=other_url)


@pytest.fixture
def occupied(elsewhere, photo):
    """A service with another picture that has the number of one that was saved, and a lesson about it."""
    services = build(elsewhere)
    cup = services.library.add(photo("coffee.png"), "cup.png", Annotation("a cup")).image
    services.teaching.teach(cup.id, ["mug"])
    yield services
    services.database.engine.dispose()


def shown(services):
    images = services.library.page(9).images
    return [(image, services.library.original(image)) for image in images], [k.name for k in services.keys.all()]


def test_it_comes_back_whole_and_the_library_goes_on(services, saved, elsewhere, photo):
    assert restore(elsewhere, saved).images == 2
    restored = build(elsewhere)
    assert shown(restored) == shown(services)
    assert restored.search.by_text("ginger cat") == services.search.by_text("ginger cat")
    assert list(Doctor(restored.library).examine(checksums=True)) == []
    assert restored.library.add(photo("coffee.png")).created
    restored.database.engine.dispose()


def test_data_that_are_there_make_way_only_when_that_is_asked_for(services, saved, elsewhere, occupied, photo):
    before = shown(occupied)
    occupied.database.engine.dispose()
    with pytest.raises(InUse, match="holds data already"):
        restore(elsewhere, saved)
    after = build(elsewhere)
    assert shown(after) == before
    after.database.engine.dispose()
    restore(elsewhere, saved, replace=True)
    after = build(elsewhere)
    assert shown(after) == shown(services)
    assert list(Doctor(after.library).examine()) == []
    assert after.search.by_text("cup", "text").hits == after.teaching.lessons(9) == []
    assert after.search.by_image(photo("chelsea.png")).hits[0].image.filename == "cat.png"
    after.database.engine.dispose()


def test_a_running_service_is_in_the_way(saved, elsewhere, occupied):
    with occupied.database.read(), pytest.raises(InUse, match="stop"):
        restore(elsewhere, saved, replace=True)
    assert [image.filename for image in occupied.library.page(9).images] == ["cup.png"]
