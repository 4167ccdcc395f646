"""Pictures of the web into the library, as a folder's: every URL once, bad ones skipped and named, resumable."""
import csv
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Self
from urllib.parse import unquote

from sqlalchemy import select

from imagesearch import descriptions, origins
from imagesearch.annotations import Annotation, checked
from imagesearch.db import Image, Origin
from imagesearch.errors import Invalid, ServiceError, TooLarge
from imagesearch.fetching import Fetcher
from imagesearch.hosts import Stopped
from imagesearch.importer import File, Folder, Importer, Outcome
from imagesearch.library import Library
from imagesearch.origins import Source

COLUMNS = {  # of a list with a header: ours, and what others call it
    "url": ("url", "image_url"), "caption": ("caption", "description", "text"), "title": ("title",),
    "author": ("author", "creator"), "licence": ("licence", "license"), "licence_url": ("licence_url", "license_url"),
    "page": ("page", "source", "foreign_landing_url")}


# ---- lists -------------------------------------------------------------------------------------------

def read(name: str, data: bytes, caption_column: str | None = None) -> list[Source]:
    """A list of URLs: a line each, with a caption behind a tab if there is one; or a table whose header names `url`.

    Empty lines and those that begin with `#` are passed over. Raises Invalid, naming the list and what is wrong.
    """
    lines = [line for line in descriptions.lines_of(descriptions.decoded(name, data))
             if line.strip() and not line.lstrip().startswith("#")]
    try:
        columns = _columns(name, lines[0], caption_column) if lines else {}
        if columns:
            return list(_rows(lines[1:], _delimiter(lines[0]), columns))
    except csv.Error as error:
        raise Invalid(f"{name}: {error}") from error
    if caption_column:
        raise Invalid(f"{name}: its first line names no columns, so there is none called {caption_column!r}")
    return [Source.of(url, caption) for url, _, caption in (line.partition("\t") for line in lines)]


def _columns(name: str, first: str, caption_column: str | None) -> dict[str, int]:
    """Where each stands; empty where the first line is no header."""
    header = [cell.strip().casefold() for cell in next(csv.reader([first], delimiter=_delimiter(first)))]
    known = {**COLUMNS, "caption": (caption_column.casefold(),)} if caption_column else COLUMNS
    found = {ours: header.index(theirs) for ours, names in known.items() for theirs in names[::-1] if theirs in header}
    if caption_column and "url" in found and "caption" not in found:
        raise Invalid(f"{name}: has no column {caption_column!r}; its first line is {first[:200]}")
    return found if "url" in found else {}


def _delimiter(first: str) -> str:
    return max(",;\t|", key=first.count)


def _rows(lines: Sequence[str], delimiter: str, columns: dict[str, int]) -> Iterator[Source]:
    for number, row in enumerate(csv.reader((line + "\n" for line in lines), delimiter=delimiter), 1):
        cells = {name: row[place] for name, place in columns.items() if place < len(row)}
        yield Source.of(**{**cells, "url": cells.get("url", "").strip() or f"row {number}"})


@dataclass
class Wanted(Folder):
    """Sources, in the place of a folder's files."""

    sources: dict[str, Source] = field(default_factory=dict)

    @classmethod
    def of(cls, sources: Sequence[Source], limit: int | None = None) -> Self:
        """The first `limit`, each URL once and by turns of the hosts, so that no host holds up the others."""
        chosen: dict[str, Source] = {}
        for source in sources:
            chosen.setdefault(source.url, source)
        urls = list(chosen)[:limit]
        return cls("", _by_turns(urls), sources=chosen)

    def caption(self, path: str) -> str | None:
        return self.sources[path].caption

    def name(self, path: str) -> str:
        """The last part of the URL's path, or its host."""
        return unquote(os.path.basename(path.partition("?")[0].rstrip("/")))


def _by_turns(urls: Sequence[str]) -> list[str]:
    hosts: dict[str, list[str]] = {}
    for url in urls:
        hosts.setdefault("".join(url.split("/", 3)[2:3]), []).append(url)
    return [url for turn in zip_longest(*hosts.values()) for url in turn if url is not None]


# ---- taking in ---------------------------------------------------------------------------------------

class Collector(Importer):
    """Fetches and adds. A URL is remembered once its picture is stored, so another run does not fetch it again."""

    batch = 1  # servers answer when they like: nothing waits for another

    def __init__(self, library: Library, wanted: Wanted, fetcher: Fetcher):
        super().__init__(library, wanted)
        self.sources, self.fetcher = wanted.sources, fetcher
        self._fetched: dict[str, str] = {}  # SHA-256 by URL, until it is remembered
        self._broken_off: set[str] = set()

    def run(self, jobs: int, limit: int | None = None, stop: threading.Event | None = None) -> Iterator[Outcome]:
        """As of a folder's files; what a stop broke off has none."""
        for outcome in super().run(jobs, limit, stop):
            if outcome.path not in self._broken_off:
                yield outcome
        self._remember(list(self._fetched))  # those with the bytes of another

    def _take_in(self, paths: Sequence[str]) -> list[Outcome]:
        url, = paths
        try:
            here = self._here(url)
        except ServiceError as error:
            return [Outcome(url, "bad", str(error))]
        return [here] if here else super()._take_in(paths)

    def _add(self, files: Sequence[File]) -> list[Outcome]:
        outcomes = super()._add(files)
        self._remember([file.path for file in files])  # after a crash between the two they are fetched, and known
        return outcomes

    def _here(self, url: str) -> Outcome | None:
        """Of a URL whose picture is here, whole; a caption and an origin that are given now are taken."""
        with self.library.database.read() as session:
            row = session.execute(select(Image.id, Image.sha256, Image.status, Image.caption_source, Origin).join(
                Origin, Origin.image_number == Image.number).where(Origin.url == url)).first()
        if row is None or row.status != "ready" or not self.library.storage.exists(row.sha256):
            return None
        source = self.sources[url]
        if any(getattr(row.Origin, name) != text for name, text in source.said().items()):
            self._fetched[url] = row.sha256
            self._remember([url])
        if source.caption is None or row.caption_source == "user":
            return Outcome(url, "known")
        annotation = checked(Annotation(source.caption, gives_way=True))
        image = self.library.update(row.id, annotation)
        return Outcome(url, "captioned" if image.caption == annotation.caption else "known")

    def _remember(self, urls: Sequence[str]) -> None:
        if not urls:
            return
        with self.library.database.write() as session:
            for url in urls:
                sha256 = self._fetched.pop(url)
                number = session.scalar(select(Image.number).where(Image.sha256 == sha256))
                if number is not None:
                    origins.remember(session, number, self.sources[url])

    def _read(self, path: str) -> bytes:
        try:
            data = self.fetcher.get(path)
        except Stopped:
            self._broken_off.add(path)
            raise
        except TooLarge as error:
            raise TooLarge(f"{error} (MAX_UPLOAD_MB={self.library.settings.max_upload_mb})") from error
        self._fetched[path] = hashlib.sha256(data).hexdigest()
        return data
