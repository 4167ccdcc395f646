import json
import sqlite3
import subprocess
import sys
import threading
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from imagesearch import archive
from imagesearch.annotations import Annotation
from imagesearch.archive import BadArchive, InUse, Unsaved, backup, restore
from imagesearch.bootstrap import build
from imagesearch.doctor import Doctor
from imagesearch.storage import FolderStorage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def filled(services, photo):
    services.library.add(photo("chelsea.png"), "cat.png", Annotation("a ginger cat", ["pet"]))
    services.library.add(photo("rocket.jpg"), "rocket.jpg", Annotation("a white rocket"))
    services.keys.create("mine", "read")
    return services


@pytest.fixture
def saved(filled, tmp_path) -> Path:
    target = tmp_path / "backup.zip"
    backup(filled.database, filled.storage, target)
    return target


@pytest.fixture
def elsewhere(settings, tmp_path):
    return replace(settings, data_dir=tmp_path / "elsewhere")


@pytest.fixture
def occupied(elsewhere, photo):
    """A data directory that holds another photo."""
    services = build(elsewhere)
    services.library.add(photo("coffee.png"), "cup.png", Annotation("a cup"))
    services.database.engine.dispose()
    return elsewhere


def contents(settings) -> dict[str, tuple]:
    services = build(settings)
    try:
        images = services.library.page(100).images
        assert list(Doctor(services.library).examine(checksums=True)) == []
        return {i.id: (i.filename, i.caption, [t.name for t in i.tags], services.library.original(i)) for i in images}
    finally:
        services.database.engine.dispose()


def test_what_is_restored_is_what_was_saved(filled, saved, elsewhere, settings):
    manifest = restore(elsewhere, saved)
    assert (manifest.images, manifest.lost, manifest.damaged) == (2, [], [])
    assert contents(elsewhere) == contents(settings)
    restored = build(elsewhere)
    assert [key.name for key in restored.keys.all()] == ["mine"]
    restored.database.engine.dispose()


def test_only_its_owner_may_read_a_backup(saved):
    assert saved.stat().st_mode & 0o077 == 0


def test_data_that_are_there_are_replaced_only_when_that_is_asked_for(saved, occupied):
    with pytest.raises(InUse, match="holds data already"):
        restore(occupied, saved)
    assert [content[0] for content in contents(occupied).values()] == ["cup.png"]
    restore(occupied, saved, replace=True)
    assert sorted(content[0] for content in contents(occupied).values()) == ["cat.png", "rocket.jpg"]


def test_a_running_service_is_in_the_way(saved, filled, settings):
    with pytest.raises(InUse, match="stop it, then restore"):
        restore(settings, saved, replace=True)
    assert filled.library.count() == 2


def start(settings) -> None:
    """What a service does first, in vain."""
    with closing(sqlite3.connect(settings.data_dir / "imagesearch.db", timeout=0)) as other, \
         pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("PRAGMA journal_mode=WAL").fetchone()


def test_a_service_that_starts_during_a_restore_does_not_get_hold_of_the_data(saved, elsewhere):
    starts = []
    restore(elsewhere, saved, progress=lambda _: starts.append(start(elsewhere)))
    assert starts


def test_nor_while_the_old_files_are_swept(saved, occupied, monkeypatch):
    def swept(storage, sha256):
        starts.append(start(occupied))
        delete(storage, sha256)

    starts, delete = [], FolderStorage.delete
    monkeypatch.setattr(FolderStorage, "delete", swept)
    restore(occupied, saved, replace=True)
    assert starts


def test_a_crash_before_the_old_files_are_swept_leaves_them_to_the_doctor(saved, occupied):
    code = ("import os, sys; from pathlib import Path; from imagesearch import archive, config\n"
            "archive.FolderStorage.delete = lambda *_: os._exit(9)\n"
            "archive.restore(config.Settings(data_dir=Path(sys.argv[1])), Path(sys.argv[2]), replace=True)")
    assert subprocess.run([sys.executable, "-c", code, occupied.data_dir, saved], cwd=ROOT).returncode == 9
    services = build(occupied)
    for finding in Doctor(services.library).examine():
        for item in finding.items:
            finding.mend(item)
    services.database.engine.dispose()
    assert sorted(content[0] for content in contents(occupied).values()) == ["cat.png", "rocket.jpg"]
    assert len(list(services.storage)) == 2
    assert not list(occupied.data_dir.glob(".restore-*"))


def test_what_is_no_database_is_in_the_way_of_a_restore(saved, elsewhere):
    elsewhere.data_dir.mkdir(parents=True, exist_ok=True)
    (elsewhere.data_dir / "imagesearch.db").write_bytes(b"no database" * 1000)
    with pytest.raises(InUse, match="move it away"):
        restore(elsewhere, saved, replace=True)


def test_a_backup_taken_while_others_write_and_delete_is_whole(services, elsewhere, tmp_path):
    stop, troubles = threading.Event(), []

    def write() -> None:
        try:
            kept = []
            for n in range(10_000):
                if stop.is_set():
                    return
                kept.append(services.library.add(tiny(n), f"{n}.png", Annotation(f"picture {n}")).image.id)
                if n % 2:
                    services.library.delete(kept.pop(0))
        except Exception as error:
            troubles.append(error)
    services.library.add(tiny(-1), annotation=Annotation("the first"))
    thread = threading.Thread(target=write)
    thread.start()
    saved = []
    for n in range(3):
        saved.append(tmp_path / f"{n}.zip")
        assert backup(services.database, services.storage, saved[-1]).lost == []
    stop.set()
    thread.join()
    assert troubles == []
    for path in saved:
        restore(elsewhere, path, replace=True)
        assert "the first" in {content[1] for content in contents(elsewhere).values()}


def tiny(n: int) -> bytes:
    from io import BytesIO

    pixels = np.random.default_rng(n + 1).integers(0, 255, (32, 32, 3), "uint8")
    Pillow.fromarray(pixels).save(out := BytesIO(), "PNG")
    return out.getvalue()


def test_an_image_deleted_during_the_backup_is_in_neither_part_of_it(filled, elsewhere, tmp_path):
    victim = filled.library.page(10).images[0]

    class Storage(type(filled.storage)):
        def path(self, sha256):
            if not deleted:
                deleted.append(filled.library.delete(victim.id))
            return super().path(sha256)
    deleted: list[None] = []
    manifest = backup(filled.database, Storage(filled.storage.root), tmp_path / "b.zip")
    assert (manifest.images, manifest.lost) == (1, [])
    restore(elsewhere, tmp_path / "b.zip")
    assert victim.id not in contents(elsewhere)


def test_lost_and_damaged_originals_are_told_and_their_rows_saved(filled, elsewhere, tmp_path):
    cat, rocket = sorted(filled.library.page(10).images, key=lambda image: image.filename)
    filled.storage.delete(cat.sha256)
    filled.storage.path(rocket.sha256).write_bytes(b"damaged")
    manifest = backup(filled.database, filled.storage, tmp_path / "b.zip")
    assert (manifest.lost, manifest.damaged) == ([cat.sha256], [f"originals/{rocket.sha256}"])
    restore(elsewhere, tmp_path / "b.zip")
    services = build(elsewhere)
    assert services.library.get(cat.id).caption == "a ginger cat"
    services.database.engine.dispose()


@pytest.mark.parametrize("table", ["images", "vectors", "words_data"])
def test_a_damaged_database_takes_no_last_backups_place(filled, saved, damage, table):
    before = saved.read_bytes()
    damage(table)
    with pytest.raises(Unsaved, match=r"the database is damaged.* `restore --replace`"):
        backup(filled.database, filled.storage, saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.glob("*backup.zip*")] == ["backup.zip"]


@pytest.mark.parametrize("table", ["images", "images_by_status"])
def test_a_restore_takes_a_damaged_databases_place(filled, saved, settings, damage, table):
    before = contents(settings)
    damage(table)
    with pytest.raises(InUse, match="holds data already"):
        restore(settings, saved)
    restore(settings, saved, replace=True)
    assert contents(settings) == before


# ---- archives that are not what they say --------------------------------------------------------------

def test_the_manifest_of_ten_million_images_is_not_too_large(saved):
    with zipfile.ZipFile(saved) as opened:
        manifest = opened.getinfo("manifest.json").file_size
    assert manifest / 2 * 10_000_000 < archive.LARGEST_MANIFEST  # two images share what is there but once


def test_an_older_backup_is_restored_too(saved, elsewhere, settings, tmp_path):
    restore(elsewhere, rewritten(saved, tmp_path / "older.zip", lambda *_: None, indent=1))
    assert contents(elsewhere) == contents(settings)


def rewritten(source: Path, target: Path, change, indent=None) -> Path:
    """The archive with `change` done to its dictionary of entries and to its manifest."""
    with zipfile.ZipFile(source) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(entries.pop("manifest.json"))
    change(entries, manifest)
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
        archive.writestr("manifest.json", json.dumps(manifest, indent=indent))
    return target


def listed(manifest, name: str, data: bytes) -> None:
    import hashlib

    manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def climb(entries, manifest):
    entries["../../outside"] = b"x"
    listed(manifest, "../../outside", b"x")


def absolute(entries, manifest):
    entries["/tmp/outside"] = b"x"
    listed(manifest, "/tmp/outside", b"x")


def unlisted(entries, manifest):
    entries["originals/" + "a" * 64] = b"x"


def missing(entries, manifest):
    entries.pop(next(name for name in entries if name.startswith("originals/")))


def altered(entries, manifest):
    name = next(name for name in entries if name.startswith("originals/"))
    entries[name] = entries[name][:-1] + b"x"


def sizes(entries, manifest):
    name = next(name for name in entries if name.startswith("originals/"))
    entries[name] += b"more"


def no_database(entries, manifest):
    entries["imagesearch.db"] = b"not a database" * 100
    listed(manifest, "imagesearch.db", entries["imagesearch.db"])


def damaged_database(entries, manifest):
    data = entries["imagesearch.db"]
    entries["imagesearch.db"] = data[:20 * 4096] + bytes(3 * 4096) + data[23 * 4096:]
    listed(manifest, "imagesearch.db", entries["imagesearch.db"])


def foreign_database(entries, manifest):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (x)")
    entries["imagesearch.db"] = connection.serialize()
    listed(manifest, "imagesearch.db", entries["imagesearch.db"])
    connection.close()


def with_sql(statement: str):
    def change(entries, manifest):
        connection = sqlite3.connect(":memory:")
        connection.deserialize(entries["imagesearch.db"])
        connection.execute(statement)
        connection.commit()
        entries["imagesearch.db"] = connection.serialize()
        listed(manifest, "imagesearch.db", entries["imagesearch.db"])
        connection.close()
    return change


def without_file(entries, manifest):
    name = next(name for name in entries if name.startswith("originals/"))
    del entries[name], manifest["files"][name]


def of_the_future(entries, manifest):
    manifest["format"] = 99


def nonsense(entries, manifest):
    manifest["files"] = [1, 2, 3]


@pytest.mark.parametrize(("change", "why"), [
    (climb, "which no backup has"), (absolute, "which no backup has"), (unlisted, "not those of its manifest"),
    (missing, "not those of its manifest"), (altered, "its manifest says"), (sizes, "its manifest says"),
    (no_database, "is damaged"), (damaged_database, "is damaged"), (foreign_database, "none of this service"),
    (with_sql("CREATE TRIGGER t AFTER INSERT ON images BEGIN DELETE FROM keys; END"), "trigger or view"),
    (with_sql("UPDATE alembic_version SET version_num = '9999'"), "newer"), (without_file, "have no file in it"),
    (of_the_future, "format is 99"), (nonsense, "not a whole archive")])
def test_an_archive_that_lies_changes_nothing(saved, settings, filled, tmp_path, change, why):
    liar = rewritten(saved, tmp_path / "liar.zip", change)
    filled.database.engine.dispose()
    before = contents(settings)
    with pytest.raises(BadArchive, match=why):
        restore(settings, liar, replace=True)
    assert contents(settings) == before
    assert not list(settings.data_dir.glob(".restore-*"))
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("part", [0, 0.01, 0.5, 0.99])
def test_a_cut_off_archive_changes_nothing(saved, elsewhere, part):
    data = saved.read_bytes()
    saved.write_bytes(data[:int(len(data) * part)])
    with pytest.raises(BadArchive, match="not a whole archive"):
        restore(elsewhere, saved)


def test_a_failing_backup_leaves_what_was_there(filled, tmp_path, monkeypatch):
    target = tmp_path / "b.zip"
    target.write_bytes(b"the last one")

    def full(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(archive, "_copy", full)
    with pytest.raises(OSError, match="No space left"):
        backup(filled.database, filled.storage, target)
    assert target.read_bytes() == b"the last one"
    assert [path.name for path in tmp_path.glob("*b.zip*")] == ["b.zip"]
