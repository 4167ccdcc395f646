import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from PIL import Image as Picture
from sqlalchemy import update

from imagesearch.annotations import Annotation, Subject
from imagesearch.db import Image, now
from imagesearch.errors import Changed, DamagedImage, Invalid, NotFound, TooLarge, UnsupportedImage
from imagesearch.search import Filters
from tests import postgresql
from tests.captioning.pictures import saved

engine = postgresql.either


@pytest.fixture
def library(services):
    return services.library


@pytest.fixture
def cat(photo):
    return photo("chelsea.png")


def described(image):
    return [(c.subject, c.values("colour"), c.source) for c in image.characteristics]


def test_a_picture_without_a_caption_is_described_by_the_models(library, cat):
    image = library.add(cat, "chelsea.png").image
    assert (image.status, image.caption_source, image.format) == ("ready", "model", "PNG")
    assert len(image.caption.split()) >= 3
    assert image.caption_model.startswith("vgg16-lstm@")
    assert 0 < sum(c.share for c in image.colours) <= 1.001


def coloured(count):
    """As many small pictures, all different, as what reads them and their names."""
    return [(partial(saved, Picture.new("RGB", (32, 32), (9 * n, 0, 99)), "PNG"), f"{n}.png") for n in range(count)]


def test_more_pictures_than_are_stored_at_once_come_in_in_their_order(library):
    added = library.add_each(coloured(18))
    assert [(one.created, one.image.filename, one.image.status) for one in added] == [
        (True, f"{n}.png", "ready") for n in range(18)]
    assert all(library.get(one.image.id) == one.image for one in added)


def test_a_picture_that_cannot_be_stored_fails_alone(library, monkeypatch):
    files = coloured(4)
    bad, put_all = hashlib.sha256(files[2][0]()).hexdigest(), library.storage.put_all

    def full(given):
        if bad in dict(given):
            raise OSError(28, "No space left on device")
        put_all(given)
    monkeypatch.setattr(library.storage, "put_all", full)
    added = library.add_each(files)
    assert [isinstance(one, OSError) for one in added] == [False, False, True, False]
    assert library.count() == 3


def test_a_persons_caption_is_kept_and_read_for_its_subjects(library, cat):
    image = library.add(cat, annotation=Annotation(caption="An orange cat sleeps")).image
    assert (image.caption, image.caption_source, image.caption_model) == ("An orange cat sleeps", "user", None)
    assert described(image) == [("cat", ["orange"], "caption")]


def test_the_same_bytes_are_stored_once_and_what_is_said_now_is_applied(library, cat):
    first = library.add(cat).image
    again = library.add(cat, "other.png", Annotation(tags=["pet"]))
    assert (again.created, again.image.id, [t.name for t in again.image.tags]) == (False, first.id, ["pet"])
    assert library.count() == 1


def test_equal_uploads_at_once_all_get_the_one_record(library, cat):
    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(lambda _: library.add(cat), range(6)))
    assert len({a.image.id for a in added}) == 1
    assert sum(a.created for a in added) == 1


def test_a_model_never_overwrites_what_a_person_wrote(library, cat):
    image = library.add(cat, annotation=Annotation(caption="my cat")).image
    assert library.recaption(image.id).caption == "my cat"


def test_a_caption_can_be_handed_back_to_the_model(services, library, cat):
    image = library.add(cat, annotation=Annotation(caption="my cat")).image
    assert services.teaching.update(image.id, Annotation(), recaption=True).caption_source == "model"


def test_a_persons_subject_replaces_the_derived_one(library, cat):
    said = Annotation("a black cat sits", characteristics=[Subject("cat", ["ginger"])])
    image = library.add(cat, annotation=said).image
    assert described(image) == [("cat", ["ginger"], "user")]


def test_a_stale_version_is_refused(services, library, cat):
    image = library.add(cat).image
    services.teaching.update(image.id, Annotation(caption="newer"), version=image.version)
    with pytest.raises(Changed, match="read it again"):
        services.teaching.update(image.id, Annotation(caption="older"), version=image.version)


def test_a_deleted_picture_leaves_nothing_behind(library, services, cat):
    image = library.add(cat).image
    library.thumbnail(image, 64, "WEBP")
    library.delete(image.id)
    with pytest.raises(NotFound):
        library.get(image.id)
    assert not [p for p in services.storage.root.rglob("*") if p.is_file() and image.sha256 in p.name]
    assert services.search.by_text("cat").hits == []


def test_a_lost_file_is_mended_by_sending_it_again(library, cat):
    image = library.add(cat).image
    library.storage.path(image.sha256).unlink()
    library.add(cat)
    assert library.original(image) == cat


def test_pages_are_stable_while_pictures_arrive(library, photo):
    first, second = (library.add(photo(n)).image for n in ("chelsea.png", "coffee.png"))
    page = library.page(1)
    library.add(photo("rocket.jpg"))
    assert [i.id for i in page.images] == [second.id]
    assert [i.id for i in library.page(1, page.next).images] == [first.id]


@pytest.mark.parametrize(("data", "error", "says"), [
    (b"", UnsupportedImage, "empty"),
    (b"hello, I am a text", UnsupportedImage, "JPEG"),
    (b"PK\x03\x04" + bytes(100), UnsupportedImage, "ZIP"),
    (b"\xff\xd8\xff\xe0" + bytes(50), DamagedImage, "JPEG"),
    (bytes(26 * 2**20), TooLarge, "MAX_UPLOAD_MB=25"),
])
def test_what_is_no_picture_is_refused_and_nothing_is_stored(library, data, error, says):
    with pytest.raises(error, match=says):
        library.add(data)
    assert library.count() == 0
    assert list(library.storage) == []


@pytest.mark.parametrize("annotation", [
    Annotation(caption=" "), Annotation(caption="x" * 2001), Annotation(caption="a\0b"), Annotation(tags=["", "a"]),
    Annotation(tags=["t" * 101]), Annotation(characteristics=[Subject("")]), Annotation(tags=["a"] * 101),
])
def test_what_cannot_be_said_of_a_picture_is_refused(library, cat, annotation):
    with pytest.raises(Invalid):
        library.add(cat, annotation=annotation)
    assert library.count() == 0


def test_a_caption_that_a_person_gives_while_the_models_are_at_work_is_what_the_subjects_are_read_from(library, cat):
    waiting = library.add(cat, wait=False).image
    library.update(waiting.id, Annotation(caption="a red car"))
    image = library.complete(waiting)
    assert (image.status, image.caption, described(image)) == ("ready", "a red car", [("car", ["red"], "caption")])


def test_tags_without_a_word_in_them_are_tags_of_their_own(services, library, cat):
    library.add(cat, "cat", Annotation("x", ["🐶", "🐱", "pet"]))
    assert [t.name for t in library.page(1).images[0].tags if t.source == "user"] == ["🐶", "🐱", "pet"]
    assert services.search.by_features(Filters(tags=["🐱"])).total == 1
    assert services.search.by_features(Filters(tags=["🐭"])).total == 0


def test_a_pending_picture_survives_a_restart_and_is_described_then(services, cat):
    image = services.library.add(cat, wait=False).image
    assert (image.status, image.caption) == ("pending", None)
    assert services.worker.step()  # another process's worker does the same
    assert services.library.get(image.id).status == "ready"
    assert not services.worker.step()


def expire(services):
    """Every claim runs out."""
    with services.database.write() as session:
        session.execute(update(Image).values(claimed_until=now() - timedelta(seconds=1)))


def test_a_picture_that_a_dead_process_claimed_is_taken_over(services, cat):
    image = services.library.add(cat, wait=False).image
    services.worker._claim()
    assert not services.worker.step()
    expire(services)
    assert services.worker.step()
    assert services.library.get(image.id).status == "ready"


def test_a_full_disk_is_not_the_pending_picture_s_fault(services, cat, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")
    image = services.library.add(cat, wait=False).image
    with monkeypatch.context() as patch:
        patch.setattr(services.library.storage, "get", full)
        for _ in range(5):
            with pytest.raises(OSError, match="No space left"):
                services.worker.step()
            expire(services)
    assert services.worker.step()
    assert services.library.get(image.id).status == "ready"


def test_a_pending_picture_that_cannot_be_read_does_not_hold_up_the_others(services, cat, photo, monkeypatch):
    broken, image = (services.library.add(data, wait=False).image for data in (cat, photo("rocket.jpg")))
    path = services.storage.path(broken.sha256)
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        services.worker.step()
    assert services.worker.step()
    assert services.library.get(image.id).status == "ready"
    for _ in range(2):
        expire(services)
        with pytest.raises(IsADirectoryError):
            services.worker.step()
    expire(services)
    assert not services.worker.step()
    assert services.library.get(broken.id).status == "failed"
