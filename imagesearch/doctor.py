"""Whether what is stored holds together, and mending it. Safe while a service runs on the same data."""
import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import DatabaseError

from imagesearch.columns import dimensions
from imagesearch.db import Image, Vector
from imagesearch.errors import is_damaged_database
from imagesearch.library import CONTENT, Library, after

CHUNK = 500  # rows read at a time
MOMENT_S = 1.0  # an upload under way has its file before its row; that long it may take


@dataclass(frozen=True)
class Finding:
    """Some trouble, the things that have it, and how one of them is mended: `mend` raises ServiceError if it cannot.

    `advice` is for what stays. What is not `serious` is worth a word but no alarm.
    """

    trouble: str
    items: Sequence[str]
    mend: Callable[[str], object] | None = None
    advice: str = ""
    serious: bool = True


class Doctor:
    def __init__(self, library: Library):
        self.library, self.database, self.storage = library, library.database, library.storage

    def examine(self, checksums: bool = False, forget_lost: bool = False) -> Iterator[Finding]:
        """Check by check, empty findings left out. Each looks only when it is asked for, so that whoever mends a
        finding before asking for the next is not told of what came of it.

        `checksums` reads every original; `forget_lost` makes images without their file mendable: by deleting them.
        Damage in the database is the last finding: by rows that cannot be read, files would seem to be of no image.
        """
        try:
            if problems := self._damage():
                yield _damaged(problems)
            else:
                yield from self._examine(checksums, forget_lost)
        except DatabaseError as error:
            if not is_damaged_database(error):
                raise
            yield _damaged([str(error.orig)])

    def _examine(self, checksums: bool, forget_lost: bool) -> Iterator[Finding]:
        checks: list[Callable[[], Finding]] = [
            self.loose_rows, self.unfinished, lambda: self.damaged(checksums), self.orphans,
            self.stray_thumbnails, self.spoken_twice, lambda: self.lost(forget_lost),
            lambda: self.undescribed("failed"), lambda: self.undescribed("pending"), self.odd_vectors,
            self.without_vectors, self.unsound_words, self.stray_words, self.stale_words, self.retired_vectors]
        for check in checks:
            if (finding := check()).items:
                yield finding

    # ---- files ---------------------------------------------------------------------------------------

    def unfinished(self) -> Finding:
        """Half-written files. A writer whose file is taken away writes it again; a restore into SQLite keeps the
        database, and us with it, to itself until it is done."""
        seen = _after_a_moment([str(path) for path in self.storage.unfinished()], lambda path: Path(path).exists())
        return Finding("half-written files of a crash", seen, _remove)

    def damaged(self, checksums: bool) -> Finding:
        def wrong(sha256: str, size: int) -> bool:
            path = self.storage.path(sha256)
            if (measured := _size(path)) is None:
                return False  # that is another finding
            return measured != size or (checksums and _sha256(path) != sha256)

        with self.database.read() as session:
            rows = session.execute(select(Image.sha256, Image.bytes).order_by(Image.number)).all()
        return Finding("files whose bytes are not what was uploaded", [s for s, size in rows if wrong(s, size)],
                       self.storage.set_aside, "set aside by --repair in the folder `damaged`, as they are")

    def orphans(self) -> Finding:
        def unused(path: str) -> bool:
            with self.database.read() as session:
                return session.scalar(select(Image.number).where(Image.sha256 == Path(path).name)) is None

        stored = list(self.storage.originals())  # before the rows: what is uploaded meanwhile is in both or in neither
        known = self._hashes()
        seen = [str(path) for path in stored if path.name not in known]
        if not known:  # a new database in the place of a lost one is not worth all the pictures
            return Finding("files that no image uses, as the database holds no image at all", seen,
                           advice="kept; restore the last backup, or move the folder `originals` away and import it")
        return Finding("files that no image uses", _after_a_moment(seen, unused), self._sweep)

    def stray_thumbnails(self) -> Finding:
        thumbnails = [(path, size) for path in self.storage.thumbnails() if (size := _size(path)) is not None]
        known = self._hashes()
        strays = [str(path) for path, size in thumbnails if not size or path.name[:64] not in known]
        return Finding("thumbnails and sounds that are empty or of no image", strays, _remove)

    def spoken_twice(self) -> Finding:
        """Sounds of a picture that has several: only of the present caption is one of use, and it is soon made anew."""
        spoken = list(self.storage.speeches())
        times = Counter(path.name[:64] for path in spoken)
        return Finding("captions spoken in several ways", [str(path) for path in spoken if times[path.name[:64]] > 1],
                       _remove, serious=False)

    def lost(self, forget: bool) -> Finding:
        with self.database.read() as session:
            rows = session.execute(select(Image.id, Image.sha256).order_by(Image.number)).all()
        missing = [id for id, sha256 in rows if not self.storage.exists(sha256)]
        return Finding(
            "images whose file is gone", [id for id in missing if self._is_there(id)],
            self._forget if forget else None,
            "upload the same photo again, restore a backup, or let go of them: --repair --forget-lost")

    # ---- descriptions --------------------------------------------------------------------------------

    def undescribed(self, status: str) -> Finding:
        with self.database.read() as session:
            ids = session.scalars(select(Image.id).where(Image.status == status).order_by(Image.number)).all()
        return Finding(f"images that could not be described ({status})" if status == "failed" else
                       "images that wait to be described (a running service does it by itself)",
                       ids, lambda id: self.library.complete(self.library.get(id)), serious=status == "failed")

    def odd_vectors(self) -> Finding:
        """Of another length than most in their space."""
        length = dimensions(Vector.data)
        with self.database.read() as session:
            sizes = session.execute(select(Vector.space, length, func.count()).group_by(Vector.space, length)
                                    .order_by(func.count())).all()
            usual = {space: size for space, size, _ in sizes}
            odd = [str(id) for space, size, _ in sizes if size != usual[space] for id in session.scalars(
                select(Vector.id).where(Vector.space == space, length == size))]
        return Finding("vectors of a wrong length", odd, self._drop_vector)

    def without_vectors(self) -> Finding:
        with self.database.read() as session:
            images = session.scalars(self.library.missing_vectors()).all()
        return Finding("images that the models in use have no vector of", [i.id for i in images],
                       lambda id: self.library.reindex(self.library.get(id)),
                       "`reindex` does the same from several threads")

    def retired_vectors(self) -> Finding:
        with self.database.read() as session:
            spaces = session.scalars(select(Vector.space).distinct()).all()
        retired = [space for space in spaces if space not in self.library.describer.spaces]
        return Finding("vector spaces of models no longer in use", retired, serious=False,
                       advice="`reindex --retire` forgets them")

    # ---- database and words --------------------------------------------------------------------------

    def _damage(self) -> list[str]:
        """What SQLite finds wrong with its file. Of the text index newer versions of it speak too: that is mended
        below."""
        found = [str(row[0]) for row in self._pragma("quick_check")]
        return [" ".join(said.split()) for said in found if said != "ok" and "FTS5 table" not in said]

    def loose_rows(self) -> Finding:
        loose = [f"{table} row {row} names a missing row of {parent}"
                 for table, row, parent, _ in self._pragma("foreign_key_check")]
        return Finding("rows that name a missing one", loose, advice="restore the last backup")

    def _pragma(self, name: str) -> Sequence[Any]:
        """Its rows; of another engine than SQLite none."""
        if self.database.engine.dialect.name != "sqlite":
            return []
        with self.database.read() as session:
            return session.execute(text(f"PRAGMA {name}")).all()

    def unsound_words(self) -> Finding:
        with self.database.write() as session:
            sound = self.library.text.is_sound(session)
        return Finding("the text index is damaged", [] if sound else ["words"], lambda _: self._rebuild_words())

    def stray_words(self) -> Finding:
        with self.database.read() as session:
            numbers = self.library.text.numbers(session) - set(session.scalars(select(Image.number)))
        return Finding("entries of the text index without an image", [str(n) for n in sorted(numbers)],
                       self._forget_words)

    def stale_words(self) -> Finding:
        stale, last = [], 0
        while True:
            with self.database.read() as session:
                images = after(session, last, CHUNK)
                stale += [image.id for image in images
                          if not self.library.text.holds(session, image.number, *self.library.searchable(image))]
            if not images:
                return Finding("images that the text index lacks or has old words of", stale, self._put_words)
            last = images[-1].number

    # ---- mending -------------------------------------------------------------------------------------

    def _hashes(self) -> set[str]:
        with self.database.read() as session:
            return set(session.scalars(select(Image.sha256)))

    def _sweep(self, path: str) -> None:
        """In its place an upload may name it any moment; in the wrong folder nobody looks for it."""
        if Path(path) == self.storage.path(Path(path).name):
            self.library.sweep(Path(path).name)
        else:
            _remove(path)

    def _is_there(self, id: str) -> bool:
        """It has not been deleted while we looked."""
        with self.database.read() as session:
            return session.scalar(select(Image.number).where(Image.id == id)) is not None

    def _forget(self, id: str) -> None:
        """Unless the same photo has come again meanwhile."""
        if not self.storage.exists(self.library.get(id).sha256):
            self.library.delete(id)

    def _drop_vector(self, id: str) -> None:
        with self.database.write() as session:
            session.execute(delete(Vector).where(Vector.id == int(id)))

    def _rebuild_words(self) -> None:
        with self.database.write() as session:
            self.library.text.rebuild(session)

    def _forget_words(self, number: str) -> None:
        with self.database.write() as session:
            if session.scalar(select(Image.number).where(Image.number == int(number))) is None:
                self.library.text.remove(session, int(number))

    def _put_words(self, id: str) -> None:
        with self.database.write() as session:
            image = session.scalar(select(Image).where(Image.id == id).options(*CONTENT))
            if image is not None:
                self.library.text.put(session, {image.number: self.library.searchable(image)})


def _damaged(problems: list[str]) -> Finding:
    return Finding("damage in the database", problems,
                   advice="stop the service and restore the last backup: `restore --replace`")


def _after_a_moment(items: list[str], still: Callable[[str], bool]) -> list[str]:
    """Those of which it holds a moment later as well; no waiting where there are none."""
    if items:
        time.sleep(MOMENT_S)
    return [item for item in items if still(item)]


def _remove(path: str) -> None:
    """A file, or a folder with all that is in it; nothing if there is none."""
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        Path(path).unlink(missing_ok=True)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
