"""A folder of photos into the library: every file once, bad ones skipped and named, resumable at any point."""
import hashlib
import os
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select

from captioning import image_bytes
from imagesearch import descriptions
from imagesearch.annotations import Annotation, checked
from imagesearch.db import Image
from imagesearch.descriptions import Table
from imagesearch.errors import ServiceError, TooLarge
from imagesearch.library import BATCH, BATCH_BYTES, Library, Prepared
from imagesearch.pool import spread

SUFFIXES = frozenset([".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff",
                      ".avif", ".heic", ".heif"])
SNIFFED = 4096  # first bytes of a file without such a suffix, to see whether it is a picture after all


@dataclass(frozen=True)
class Outcome:
    """What became of one file: stored; known (its bytes are in the library); captioned (known, and its caption,
    which a model had written, is now the one given here); or bad, for that reason."""

    path: str
    kind: Literal["stored", "known", "captioned", "bad"]
    reason: str = ""


@dataclass
class Folder:
    """What a walk found, before anything is imported."""

    root: str
    files: list[str] = field(default_factory=list)
    bad: list[Outcome] = field(default_factory=list)  # folders and captions files that cannot be read
    tables: dict[str, Table] = field(default_factory=dict)  # by the folder whose names they use
    others: int = 0  # files that are no pictures

    def caption(self, path: str) -> str | None:
        """From the nearest captions file, in the photo's own folder or one above it, that names the photo."""
        found: str | None = None
        folder = path
        while len(folder) > len(self.root):
            folder = os.path.dirname(folder)
            if table := self.tables.get(folder):  # those further up are asked too: they do name a photo
                further = table.caption(os.path.relpath(path, folder))
                found = found or further
        return found

    def name(self, path: str) -> str:
        """What the picture is to be called."""
        return os.path.basename(path)

    def unnamed(self) -> list[str]:
        """Names in captions files that no photo has."""
        return [name for table in self.tables.values() for name in table.unused()]


# ---- looking -----------------------------------------------------------------------------------------

def look(root: Path, captions: Path | None = None, caption_column: str | None = None,
         without: Sequence[Path] = ()) -> Folder:
    """Every picture below a folder in the order of their names, and the captions files that go with them.

    Hidden files and folders are left out, and so are the folders `without`; links are followed, each real folder is
    visited once. `captions` replaces the files that lie beside the photos. Raises Invalid when it cannot be used.
    """
    found = Folder(os.path.abspath(root))
    if captions:
        found.tables[found.root] = descriptions.read(captions, caption_column)
    visited = {key for path in without if (key := _identity(path))}
    _walk(found, found.root, visited, captions, caption_column)
    return found


def _walk(found: Folder, root: str, visited: set[tuple[int, int]], captions: Path | None, column: str | None) -> None:
    waiting = [root]  # no recursion: a tree may be deeper than Python's stack
    while waiting:
        folder = waiting.pop()
        if (identity := _identity(folder)) in visited:
            continue
        if identity:
            visited.add(identity)
        try:
            with os.scandir(folder) as entries:
                seen = sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)
        except OSError as error:
            found.bad.append(Outcome(folder, "bad", f"the folder cannot be read: {error.strerror}"))
            continue
        if not captions:
            _take_captions(found, folder, {entry.name for entry in seen}, column)
        waiting += [entry.path for entry in reversed(seen) if _is(entry, os.DirEntry.is_dir)]
        _sort_out(found, [entry for entry in seen if not _is(entry, os.DirEntry.is_dir)], captions)


def _sort_out(found: Folder, entries: list["os.DirEntry[str]"], captions: Path | None) -> None:
    for entry in entries:
        if captions and os.path.abspath(captions) == entry.path:
            continue
        is_file = _is(entry, os.DirEntry.is_file)
        if os.path.splitext(entry.name)[1].lower() in SUFFIXES and (is_file or entry.is_symlink()):
            found.files.append(entry.path)  # a broken link too: that is worth a word later
        elif is_file and entry.name not in descriptions.NAMES and _is_picture(entry.path):
            found.files.append(entry.path)
        elif entry.name not in descriptions.NAMES:
            found.others += 1


def _take_captions(found: Folder, folder: str, names: set[str], column: str | None) -> None:
    for name in descriptions.NAMES:
        if name in names and folder not in found.tables:
            try:
                found.tables[folder] = descriptions.read(Path(folder, name), column)
            except ServiceError as error:  # which names the file itself
                path = os.path.join(folder, name)
                found.bad.append(Outcome(path, "bad", str(error).removeprefix(f"{path}: ")))


def _is(entry: "os.DirEntry[str]", kind: Callable[["os.DirEntry[str]"], bool]) -> bool:
    try:
        return kind(entry)
    except OSError:  # a loop of links, or gone meanwhile
        return False


def _is_picture(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            image_bytes.sniff(file.read(SNIFFED))
        return True
    except (OSError, image_bytes.ImageError):
        return False


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
        return status.st_dev, status.st_ino
    except OSError:
        return None


# ---- taking in ---------------------------------------------------------------------------------------

@dataclass(frozen=True)
class File:
    """One that was read."""

    path: str
    data: bytes
    sha256: str


class Importer:
    """Adds files to a library from several threads. What it reports as stored is on the disk."""

    batch = BATCH  # files that a thread takes at once: their captions are written together, and their rows

    def __init__(self, library: Library, folder: Folder):
        self.library, self.folder = library, folder
        self._under_way: set[str] = set()
        self._lock = threading.Lock()

    def run(self, jobs: int, limit: int | None = None, stop: threading.Event | None = None) -> Iterator[Outcome]:
        """The outcome of every file, or of the first `limit`, as they are ready.

        A full disk or a lost database ends it with that exception; what has been stored stays, and another run goes
        on from there.
        """
        yield from self.folder.bad
        files = self.folder.files[:limit]
        batches = [files[k:k + self.batch] for k in range(0, len(files), self.batch)]
        for outcomes in spread(self._take_in, batches, jobs, stop):
            yield from outcomes

    def _take_in(self, paths: Sequence[str]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        files: list[File] = []
        copies: list[str] = []
        for path in paths:
            try:
                data = self._read(path)
            except ServiceError as error:
                outcomes.append(Outcome(path, "bad", str(error)))
                continue
            file = File(path, data, hashlib.sha256(data).hexdigest())
            if any(file.sha256 == one.sha256 for one in files):
                copies.append(path)  # known or bad, as the first turns out to be
                continue
            if not self._begin(file):
                outcomes.append(Outcome(path, "known", "the same bytes as another of these"))
                continue
            files.append(file)
            if sum(len(one.data) for one in files) > BATCH_BYTES:
                outcomes += self._add(files)
                files = []
        outcomes += self._add(files)
        return outcomes + self._take_in(copies) if copies else outcomes

    def _add(self, files: Sequence[File]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        new: list[tuple[str, Prepared]] = []
        try:
            known = self._known(files)
            for file in files:
                try:
                    if row := known.get(file.sha256):
                        outcomes.append(self._again(file, row))
                    else:
                        annotation = checked(Annotation(self.folder.caption(file.path), gives_way=True))
                        new.append((file.path, self.library.prepare(file.data, file.sha256,
                                                                    self.folder.name(file.path), annotation)))
                except ServiceError as error:
                    outcomes.append(Outcome(file.path, "bad", str(error)))
                if sum(prepared.size for _, prepared in new) > BATCH_BYTES:
                    outcomes += self._stored(new)
                    new = []
            return outcomes + self._stored(new)
        finally:
            self._end(files)

    def _known(self, files: Sequence[File]) -> dict[str, Any]:
        """The rows that are here already, by SHA-256."""
        columns = select(Image.sha256, Image.status, Image.caption_source)
        with self.library.database.read() as session:
            found = session.execute(columns.where(Image.sha256.in_([file.sha256 for file in files])))
            return {row.sha256: row for row in found}

    def _again(self, file: File, row: Any) -> Outcome:
        said = self.folder.caption(file.path)
        if row.caption_source == "user":
            said = None  # what a person wrote stays, even if this folder says otherwise
        if said is None and row.status == "ready" and self.library.storage.exists(file.sha256):
            return Outcome(file.path, "known")
        annotation = checked(Annotation(said, gives_way=True))
        image = self.library.add(file.data, self.folder.name(file.path), annotation).image
        return Outcome(file.path, "captioned" if said and image.caption == annotation.caption else "known")

    def _stored(self, new: Sequence[tuple[str, Prepared]]) -> list[Outcome]:
        """Stored in one transaction, flushed to the disk when it returns."""
        if not new:
            return []
        try:
            added = self.library.store([prepared for _, prepared in new])
        except ServiceError as error:  # one came again that was being deleted
            if len(new) == 1:
                return [Outcome(new[0][0], "bad", str(error))]
            return [outcome for one in new for outcome in self._stored([one])]
        return [Outcome(path, "stored" if one.created else "known") for (path, _), one in zip(new, added, strict=True)]

    def _begin(self, file: File) -> bool:
        """False where the same bytes are under way in another place."""
        with self._lock:
            if file.sha256 in self._under_way:
                return False
            self._under_way.add(file.sha256)
            return True

    def _end(self, files: Sequence[File]) -> None:
        with self._lock:
            self._under_way.difference_update(file.sha256 for file in files)

    def _read(self, path: str) -> bytes:
        """The size is asked first: a film named .jpg is not worth reading."""
        settings = self.library.settings
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):  # a link to a pipe would wait for ever
                raise Unreadable("is no regular file")
            if status.st_size > settings.max_upload_bytes:
                raise TooLarge(f"the file has {status.st_size:,} bytes; at most {settings.max_upload_bytes:,} are "
                               f"taken (MAX_UPLOAD_MB={settings.max_upload_mb})")
            with open(path, "rb") as file:
                return file.read(settings.max_upload_bytes + 1)
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror or error}") from error


class Unreadable(ServiceError):
    """A file or a folder that the system will not give."""


def summary(outcomes: Counter[str]) -> str:
    """`12 stored, 3 known, 1 bad`."""
    shown = [f"{outcomes[kind]:,} {kind}" for kind in ("stored", "known", "captioned", "bad") if outcomes[kind]]
    return ", ".join(shown) or "nothing to do"
