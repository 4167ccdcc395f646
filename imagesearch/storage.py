"""Originals and thumbnails by content hash, in a folder."""
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

STAGED = ".restore-"  # begins the name of the folder that a restore unpacks into
SPOKEN = "spoken-"


class FolderStorage:
    """`originals/ab/abcd…` and `thumbnails/ab/abcd…-256.webp` below one folder.

    A file appears whole or not at all: written beside its place, flushed to the disk, then renamed.
    """

    def __init__(self, root: Path):
        self.root = root.resolve()  # Flask takes a relative path for one below its own package
        for kind in ("originals", "thumbnails"):
            (root / kind).mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        return self.root / "originals" / sha256[:2] / sha256

    def put(self, sha256: str, data: bytes) -> None:
        self.put_all([(sha256, data)])

    def put_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Originals by their hashes, those left out that are here. Sixteen at once take two thirds of the processor's
        time that they take one by one: the first flush takes along what the others would write of the folders."""
        new = [(path, data) for sha256, data in files if not (path := self.path(sha256)).exists()]
        try:
            self._write(new)
        finally:  # after a full disk too: who brings again what is in its place by then finds it, and flushes nothing
            for folder in dict.fromkeys(path.parent for path, _ in new if path.exists()):
                sync_folder(folder)

    def take_in(self, sha256: str, file: Path) -> None:
        """Moves a file, which is on the disk of this storage and flushed, into its place."""
        path = self.path(sha256)
        _make_folder(path.parent)
        os.replace(file, path)
        sync_folder(path.parent)

    def get(self, sha256: str) -> bytes:
        """Raises FileNotFoundError."""
        return self.path(sha256).read_bytes()

    def exists(self, sha256: str) -> bool:
        return self.path(sha256).exists()

    def delete(self, sha256: str) -> None:
        """The original and every thumbnail of it; nothing if there is none."""
        self.path(sha256).unlink(missing_ok=True)
        for thumbnail in self._thumbnails(sha256).parent.glob(f"{sha256}-*"):
            thumbnail.unlink(missing_ok=True)

    def thumbnail(self, sha256: str, size: int, suffix: str) -> Path:
        """Where that thumbnail is, or would be."""
        return self.derived(sha256, f"{size}.{suffix}")

    def put_thumbnail(self, sha256: str, size: int, suffix: str, data: bytes) -> Path:
        return self.put_derived(sha256, f"{size}.{suffix}", data)

    def derived(self, sha256: str, name: str) -> Path:
        """Where a file made from the original is, or would be; it goes with the original."""
        return self._thumbnails(sha256).with_name(f"{sha256}-{name}")

    def put_derived(self, sha256: str, name: str, data: bytes) -> Path:
        """Gone again at once where the original has been deleted meanwhile."""
        path = self.derived(sha256, name)
        self._write([(path, data)], durable=False)
        if not self.exists(sha256):
            path.unlink(missing_ok=True)
        return path

    def speech(self, sha256: str, key: str) -> Path:
        """Where the caption is as sound, or would be; `key` stands for its words and its voice."""
        return self.derived(sha256, f"{SPOKEN}{key}.wav")

    def put_speech(self, sha256: str, key: str, data: bytes) -> Path:
        """In the place of what was spoken of that picture before."""
        path = self.put_derived(sha256, f"{SPOKEN}{key}.wav", data)
        for other in path.parent.glob(f"{sha256}-{SPOKEN}*"):
            if other != path:
                other.unlink(missing_ok=True)
        return path

    def speeches(self) -> Iterator[Path]:
        """Every caption as sound; its name begins with the hash of its original."""
        return (self.root / "thumbnails").glob(f"??/*-{SPOKEN}*")

    def __iter__(self) -> Iterator[str]:
        """The hash of every stored original."""
        return (p.name for p in self.originals())

    def originals(self) -> Iterator[Path]:
        """Every stored original; a hand may have put it into a folder that is not its own."""
        return (p for p in (self.root / "originals").glob("??/*") if len(p.name) == 64)

    def thumbnails(self) -> Iterator[Path]:
        """Every stored thumbnail; its name begins with the hash of its original."""
        return (p for p in (self.root / "thumbnails").glob("??/*") if not p.name.startswith("."))

    def set_aside(self, sha256: str) -> None:
        """Moves an original that is not what its name says into the folder `damaged`, so that it can come again."""
        (self.root / "damaged").mkdir(exist_ok=True)
        os.replace(self.path(sha256), self.root / "damaged" / sha256)

    def unfinished(self) -> Iterator[Path]:
        """Files that a crash left half-written, and folders of a restore that it ended."""
        return chain(self.root.glob("*/??/.new-*"), self.root.glob(f"{STAGED}*"))

    def _thumbnails(self, sha256: str) -> Path:
        return self.root / "thumbnails" / sha256[:2] / sha256

    def _write(self, files: Sequence[tuple[Path, bytes]], durable: bool = True) -> None:
        try:
            self._write_once(files, durable)
        except FileNotFoundError:  # `doctor` took a half-written file for a dead writer's
            self._write_once(files, durable)

    def _write_once(self, files: Sequence[tuple[Path, bytes]], durable: bool) -> None:
        with ExitStack() as stack:
            begun = [(stack.enter_context(_half(path.parent)), path, data) for path, data in files]
            for half, _, data in begun:
                half.write(data)
            for half, path, _ in begun:
                half.flush()
                if durable:
                    os.fsync(half.fileno())
                os.replace(half.name, path)


@contextmanager
def _half(folder: Path) -> Iterator[IO[bytes]]:
    """A new file in the folder, gone at the end unless it was renamed."""
    _make_folder(folder)
    with NamedTemporaryFile(prefix=".new-", dir=folder, delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Durably: what is flushed into a folder is lost with it."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """A rename is on the disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
