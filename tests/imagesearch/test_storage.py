import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagesearch.storage import FolderStorage

DATA = b"the bytes of a photo"
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def test_what_is_put_is_got_and_listed(storage):
    storage.put(SHA256, DATA)
    assert storage.get(SHA256) == DATA
    assert storage.exists(SHA256)
    assert list(storage) == [SHA256]


def test_several_are_put_at_once_and_what_is_there_stays(storage):
    storage.put(SHA256, DATA)
    written = storage.path(SHA256).stat().st_mtime_ns
    others = {hashlib.sha256(data).hexdigest(): data for data in (b"one", b"two", b"three")}
    storage.put_all([(SHA256, b"something else"), *others.items()])
    assert {sha256: storage.get(sha256) for sha256 in storage} == {SHA256: DATA, **others}
    assert storage.path(SHA256).stat().st_mtime_ns == written


def test_nothing_half_written_stays_behind(storage, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        storage.put(SHA256, DATA)
    assert not storage.exists(SHA256)
    assert list(storage.unfinished()) == []


def test_what_came_to_its_place_before_the_disk_was_full_stays_there_for_good(storage, monkeypatch):
    fsync, replace, flushed = os.fsync, os.replace, []

    def full(*_):
        raise OSError(28, "No space left on device")

    def last(source, target):
        replace(source, target)
        monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(os, "replace", last)
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_ino) or fsync(handle))
    with pytest.raises(OSError, match="No space left"):
        storage.put_all([(SHA256, DATA), ("f" * 64, b"more")])
    assert list(storage) == [SHA256]
    assert storage.path(SHA256).parent.stat().st_ino in flushed


def test_a_file_swept_while_it_is_written_is_written_again(storage, monkeypatch):
    replace = os.replace

    def swept(source, target):
        monkeypatch.setattr(os, "replace", replace)
        os.unlink(source)
        replace(source, target)
    monkeypatch.setattr(os, "replace", swept)
    storage.put(SHA256, DATA)
    assert storage.get(SHA256) == DATA


def test_many_writers_of_the_same_file_agree(storage):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: storage.put(SHA256, DATA), range(32)))
    assert list(storage) == [SHA256]
    assert list(storage.unfinished()) == []


def test_a_thumbnail_made_of_a_picture_deleted_meanwhile_does_not_stay(storage):
    storage.put_thumbnail(SHA256, 256, "webp", b"small")
    assert list(storage.thumbnails()) == []


def test_deleting_takes_the_thumbnails_along_and_twice_is_no_error(storage):
    storage.put(SHA256, DATA)
    storage.put_thumbnail(SHA256, 256, "webp", b"small")
    assert [path.name for path in storage.thumbnails()] == [f"{SHA256}-256.webp"]
    storage.delete(SHA256)
    storage.delete(SHA256)
    assert not storage.exists(SHA256)
    assert list(storage.thumbnails()) == []


def test_a_file_set_aside_can_come_again(storage):
    storage.put(SHA256, b"damaged")
    storage.set_aside(SHA256)
    storage.put(SHA256, DATA)
    assert storage.get(SHA256) == DATA
    assert (storage.root / "damaged" / SHA256).read_bytes() == b"damaged"
