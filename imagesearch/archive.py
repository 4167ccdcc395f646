"""All that is stored as one file, and back: `backup` while the service runs, `restore` while it does not.

The archive is a ZIP: `originals/SHA256`, all rows as an SQLite file, whatever engine they are kept in, and, last,
`manifest.json` with the SHA-256 of every other entry, so that a cut-off archive has no manifest. Thumbnails are left
out: they make themselves anew.
"""
import hashlib
import json
import os
import re
import shutil
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from sqlalchemy import func, select

from imagesearch import copying
from imagesearch.config import Settings
from imagesearch.db import Database, Image, open_database
from imagesearch.errors import ServiceError, is_damaged_database
from imagesearch.index.fts5 import FTS5Index
from imagesearch.live import InUse, Replace, refuse_data, taken
from imagesearch.storage import STAGED, FolderStorage, sync_folder

FORMAT = 1
DATABASE, MANIFEST = "imagesearch.db", "manifest.json"
LARGEST_MANIFEST = 2**32  # bytes; an image takes 171, or 188 in older archives: at least 22 million
PIECE = 2**20
_ORIGINAL = re.compile(r"originals/[0-9a-f]{64}")

Progress = Callable[[int], object]  # told of every so many bytes


class BadArchive(ServiceError):
    """The archive is not one of ours, cut off, or not what its checksums say. Nothing has been changed."""


class Unfit(ServiceError):
    """A database that a restore would refuse. The message goes on where its name would stand."""


class Unsaved(ServiceError):
    """What is stored cannot be backed up. No archive has been written, and one that was there stays as it is."""


@dataclass(frozen=True)
class Entry:
    sha256: str
    bytes: int


@dataclass
class Manifest:
    format: int
    created_at: str
    database: str  # the engine that the database file is of; empty: no database inside
    images: int
    lost: list[str] = field(default_factory=list)  # hashes of images whose file was already gone
    files: dict[str, Entry] = field(default_factory=dict)

    @property
    def damaged(self) -> list[str]:
        """Originals whose bytes were not those of their name any more when they were read."""
        return [name for name, entry in self.files.items() if name not in (DATABASE, _original(entry.sha256))]


# ---- out ---------------------------------------------------------------------------------------------

def size(database: Database) -> int:
    """About how many bytes a backup reads, for a progress bar."""
    with database.read() as session:
        return session.scalar(select(func.coalesce(func.sum(Image.bytes), 0))) or 0


def backup(database: Database, storage: FolderStorage, target: Path, progress: Progress = lambda _: None) -> Manifest:
    """Writes the archive beside its place, flushes it and renames it there: it appears whole or not at all.

    First a snapshot of the database, then the files that it names. What is uploaded meanwhile is not in it; what is
    deleted meanwhile is kept by its place in the snapshot as long as its file could still be read, else left out of
    both. Raises Unsaved for a database that a restore would refuse.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)  # mode 0600: keys are inside
    snapshot = Path(temporary + ".db")
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                manifest = _write(archive, database, storage, snapshot, progress)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        sync_folder(target.parent)
    finally:
        for path in (Path(temporary), snapshot):
            path.unlink(missing_ok=True)
    return manifest


def _write(archive: zipfile.ZipFile, database: Database, storage: FolderStorage, snapshot: Path,
           progress: Progress) -> Manifest:
    manifest = Manifest(FORMAT, datetime.now(UTC).isoformat(timespec="seconds"), "sqlite", 0)
    hashes = _snapshot(database, snapshot)
    gone = [sha256 for sha256 in hashes if not _put(archive, manifest, storage, sha256, progress)]
    manifest.lost = _lost(database, gone)
    manifest.images = len(hashes) - len(set(gone) - set(manifest.lost))
    _leave_out(snapshot, set(gone) - set(manifest.lost))
    with open(snapshot, "rb") as source:
        _add(archive, manifest, DATABASE, source, progress, zipfile.ZIP_DEFLATED)
    archive.writestr(MANIFEST, json.dumps(asdict(manifest), separators=(",", ":")), zipfile.ZIP_DEFLATED)
    return manifest


def _snapshot(database: Database, target: Path) -> list[str]:
    """A consistent copy in an SQLite file, while writers go on. Returns the hashes of its images. Raises Unsaved."""
    if database.engine.dialect.name == "sqlite":
        _copy_pages(database, target)
    else:
        _copy_rows(database, target)
    with closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, no log beside it
    try:
        return _read(target)[1]
    except Unfit as error:
        raise Unsaved(f"the database {error}. No backup has been written, it could not be restored. Run `doctor`; the "
                      "way back is the last backup, by `restore --replace`") from error


def _copy_pages(database: Database, target: Path) -> None:
    """By SQLite's online backup, in one step, damaged pages too. In WAL mode it is a reader to others."""
    source = database.engine.raw_connection()
    try:
        with closing(sqlite3.connect(target)) as copy:
            source.driver_connection.backup(copy)  # type: ignore[union-attr]
    finally:
        source.close()


def _copy_rows(database: Database, target: Path) -> None:
    snapshot = open_database(f"sqlite:///{target}")
    try:
        for _ in copying.copy(database, snapshot, FTS5Index()):
            pass
    finally:
        snapshot.engine.dispose()


def _put(archive: zipfile.ZipFile, manifest: Manifest, storage: FolderStorage, sha256: str,
         progress: Progress) -> bool:
    try:
        with open(storage.path(sha256), "rb") as source:
            _add(archive, manifest, _original(sha256), source, progress)
        return True
    except FileNotFoundError:
        return False


def _add(archive: zipfile.ZipFile, manifest: Manifest, name: str, source: IO[bytes], progress: Progress,
         compression: int = zipfile.ZIP_STORED) -> None:
    entry = zipfile.ZipInfo(name, datetime.now(UTC).timetuple()[:6])
    entry.compress_type = compression
    with archive.open(entry, "w", force_zip64=True) as target:
        manifest.files[name] = _copy(source, target, progress)


def _lost(database: Database, gone: list[str]) -> list[str]:
    """Those whose row is still there: their file was lost before; the others were deleted during the backup."""
    with database.read() as session:
        return [s for s in gone if session.scalar(select(Image.number).where(Image.sha256 == s)) is not None]


def _leave_out(snapshot: Path, hashes: set[str]) -> None:
    """Does to the snapshot what `Library.delete` did to the database meanwhile."""
    with closing(sqlite3.connect(snapshot)) as copy, copy:
        copy.execute("PRAGMA foreign_keys=ON")
        for sha256 in hashes:
            number, = copy.execute("SELECT number FROM images WHERE sha256 = ?", [sha256]).fetchone()
            copy.execute("DELETE FROM words WHERE rowid = ?", [number])
            copy.execute("INSERT INTO deletions (image_number) VALUES (?)", [number])
            copy.execute("DELETE FROM images WHERE number = ?", [number])


# ---- in ----------------------------------------------------------------------------------------------

def restore(settings: Settings, source: Path, replace: bool = False,
            progress: Progress = lambda _: None) -> Manifest:
    """Checks the whole archive first, unpacked beside the data, then puts it in its place.

    The files come first, then the database in one transaction, then what nothing names any more goes: a crash leaves
    the old data or the new, with at most files that `doctor --repair` sweeps. Raises BadArchive, and InUse where there
    are data already (without `replace`) or a service is running on them.
    """
    storage = FolderStorage(Path(settings.storage_url) if settings.storage_url else settings.data_dir)
    with _opened(source) as (archive, manifest), _free(settings, manifest, storage, replace) as put:
        staged = Path(tempfile.mkdtemp(prefix=STAGED, dir=storage.root))
        try:
            with _named_damage(source):
                _unpack(archive, manifest, staged, progress)
            hashes = _checked(staged / DATABASE, manifest) if put else set()
            _move_originals(manifest, staged, storage)
            if put:
                put(staged / DATABASE, hashes)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return manifest


@contextmanager
def _free(settings: Settings, manifest: Manifest, storage: FolderStorage, replace: bool) -> Iterator[Replace | None]:
    """What puts the archive's rows in their place; None for an archive of files alone, as there once were."""
    if manifest.database:
        with taken(settings.database, storage, replace) as put:
            yield put
    else:
        refuse_data(next(iter(storage), None) is not None, storage.root, replace)
        yield None


def content_bytes(source: Path) -> int:
    """How much there is to unpack, for a progress bar. Raises BadArchive."""
    with _opened(source) as (_, manifest):
        return sum(entry.bytes for entry in manifest.files.values())


@contextmanager
def _opened(source: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    with _named_damage(source):
        archive = zipfile.ZipFile(source)
    with archive:
        with _named_damage(source):
            manifest = _manifest(archive)
        yield archive, manifest


@contextmanager
def _named_damage(source: Path) -> Iterator[None]:
    """Every way in which reading a hostile or broken ZIP fails becomes BadArchive."""
    try:
        yield
    except (zipfile.BadZipFile, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError,
            ArithmeticError, struct.error, zlib.error) as error:
        raise BadArchive(f"{source} is not a whole archive of this service: {error}. Nothing has been changed"
                         ) from error


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    """The manifest, once it and the entries agree about the names and the sizes."""
    names = archive.namelist()
    if names.count(MANIFEST) != 1 or archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
        raise BadArchive("the archive has no usable manifest.json: it was not made by `backup`, or is cut off")
    raw = json.loads(archive.read(MANIFEST))
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise BadArchive(f"the archive's format is {raw.get('format') if isinstance(raw, dict) else raw!r}; this "
                         f"version reads {FORMAT}")
    raw["files"] = {name: Entry(str(e["sha256"]), int(e["bytes"])) for name, e in raw["files"].items()}
    manifest = Manifest(**raw)
    if sorted(names) != sorted([*manifest.files, MANIFEST]):
        odd = sorted(set(names).symmetric_difference([*manifest.files, MANIFEST])) or ["an entry twice"]
        raise BadArchive(f"the archive's entries are not those of its manifest, for one {odd[0]!r}")
    if bool(manifest.database) != (DATABASE in manifest.files):
        raise BadArchive("the manifest and the database in the archive do not agree")
    for name, entry in manifest.files.items():
        _check_entry(archive.getinfo(name), entry)
    return manifest


def _check_entry(info: zipfile.ZipInfo, entry: Entry) -> None:
    if info.filename != DATABASE and not _ORIGINAL.fullmatch(info.filename):
        raise BadArchive(f"the archive holds {info.filename[:200]!r}, which no backup has")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise BadArchive(f"{info.filename} is compressed or encrypted in a way that no backup is")
    if info.file_size != entry.bytes or entry.bytes < 0:
        raise BadArchive(f"{info.filename} has {info.file_size:,} bytes, its manifest says {entry.bytes:,}")


def _unpack(archive: zipfile.ZipFile, manifest: Manifest, staged: Path, progress: Progress) -> None:
    """Each entry to `staged/NAME`, flushed, its SHA-256 compared."""
    needed, free = sum(e.bytes for e in manifest.files.values()), shutil.disk_usage(staged).free
    if needed > free:
        raise InUse(f"the archive unpacks to {needed:,} bytes; {free:,} are free at {staged.parent}")
    (staged / "originals").mkdir()
    for name, entry in manifest.files.items():
        with archive.open(name) as source, open(staged / name, "xb") as target:
            measured = _copy(source, target, progress)
            target.flush()
            os.fsync(target.fileno())
        if measured != entry:
            raise BadArchive(f"{name} has SHA-256 {measured.sha256}, its manifest says {entry.sha256}. "
                             "Nothing has been changed")


def _checked(database: Path, manifest: Manifest) -> set[str]:
    """The hashes its images name. Raises BadArchive for a database that is damaged, foreign, newer than this
    program, or without the files it names."""
    try:
        revision, hashes = _read(database)
    except Unfit as error:
        raise BadArchive(f"the database in the archive {error}. Nothing has been changed") from error
    if revision not in _revisions():
        raise BadArchive(f"the archive's tables are of revision {revision}, which this version does not know: it was "
                         "made by a newer one")
    without = [s for s in hashes if _original(s) not in manifest.files and s not in manifest.lost]
    if without:
        raise BadArchive(f"{len(without)} images of the archive have no file in it, for one {without[0]}")
    return set(hashes)


def _read(database: Path) -> tuple[str, list[str]]:
    """The revision of its tables, and the hashes of its images by their numbers. Raises Unfit."""
    try:
        with closing(sqlite3.connect(database)) as copy:
            copy.execute("PRAGMA trusted_schema=OFF")
            problems = [" ".join(row[0].split()) for row in copy.execute("PRAGMA quick_check")]
            if problems != ["ok"]:
                raise Unfit(f"is damaged: {problems[0]}")
            if odd := copy.execute("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone():
                raise Unfit(f"has a trigger or view {odd[0]!r}, which no backup has")
            revision, = copy.execute("SELECT version_num FROM alembic_version").fetchone()
            return revision, [row[0] for row in copy.execute("SELECT sha256 FROM images ORDER BY number")]
    except (sqlite3.Error, TypeError) as error:
        raise Unfit(f"is {'damaged' if is_damaged_database(error) else 'none of this service'}: {error}") from error


def _revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    migrations = Path(__file__).resolve().parent.parent / "migrations"
    return {script.revision for script in ScriptDirectory(str(migrations)).walk_revisions()}


def _move_originals(manifest: Manifest, staged: Path, storage: FolderStorage) -> None:
    for name in manifest.files:
        if name != DATABASE:
            storage.take_in(name.removeprefix("originals/"), staged / name)


def _original(sha256: str) -> str:
    return f"originals/{sha256}"


def _copy(source: IO[bytes], target: IO[bytes], progress: Progress) -> Entry:
    digest, length = hashlib.sha256(), 0
    while piece := source.read(PIECE):
        target.write(piece)
        digest.update(piece)
        length += len(piece)
        progress(len(piece))
    return Entry(digest.hexdigest(), length)
