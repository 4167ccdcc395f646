"""The library: pictures in, out, changed and gone. One transaction a verb; models run outside of it."""
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sqlalchemy import Select, bindparam, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from captioning import characteristics as grammar
from captioning import images
from captioning.images import Picture
from imagesearch import records, rows
from imagesearch.annotations import Annotation, Subject, checked, display_name
from imagesearch.config import Settings
from imagesearch.db import Database, Deletion, Image, Vector, now
from imagesearch.describer import Describer, Description
from imagesearch.errors import Changed, DamagedImage, NotFound, TooLarge, UnsupportedImage
from imagesearch.index import TextIndex, Texts
from imagesearch.index.words import key
from imagesearch.records import Record, Shown, parts
from imagesearch.storage import FolderStorage
from imagesearch.tagging import SURE, Tagging
from imagesearch.telemetry import UPLOADS, stage

BATCH = 16  # rows written in one transaction; others who write wait that long for their turn, about 20 ms
BATCH_BYTES = 32 * 2**20  # of pictures and their originals, which stay in memory until then
HELD = select(Image.number).where(Image.sha256 == bindparam("sha256"))
CONTENT = (selectinload(Image.tags), selectinload(Image.characteristics), selectinload(Image.colours))


@dataclass(frozen=True)
class Added:
    image: Shown
    created: bool


@dataclass(frozen=True)
class Prepared:
    """A picture decoded and not yet stored."""

    sha256: str
    data: bytes
    filename: str
    picture: Picture
    annotation: Annotation
    ready: bool = True  # False: it is to be described later

    @property
    def size(self) -> int:
        """Bytes that it takes in memory: a strip of 440 × 40,000 pixels has 53 MB of them."""
        return len(self.data) + 3 * self.picture.image.width * self.picture.image.height


@dataclass(frozen=True)
class Listing:
    """`next`: the number to go on below, or None at the end."""

    images: list[Record] = field(default_factory=list)
    next: int | None = None


class Library:
    def __init__(self, settings: Settings, database: Database, storage: FolderStorage, text: TextIndex,
                 describer: Describer, tagging: Tagging | None = None):
        self.settings, self.database, self.storage = settings, database, storage
        self.text, self.describer, self.tagging = text, describer, tagging
        self._disk = ThreadPoolExecutor(settings.threads, "store")

    # ---- in ------------------------------------------------------------------------------------------

    def add(self, data: bytes, filename: str = "", annotation: Annotation | None = None, wait: bool = True) -> Added:
        """Stores a picture and describes it; without `wait` it is stored as pending and described later.

        The same bytes again give the record that exists, with `annotation` applied to it.
        Raises UnsupportedImage, DamagedImage, TooLarge, Invalid.
        """
        annotation = checked(annotation or Annotation())
        sha256 = hashlib.sha256(data).hexdigest()
        if (known := self._by_hash(sha256)) is not None:
            return self._duplicate(known, data, annotation, wait)
        return self.store([self.prepare(data, sha256, filename, annotation, wait)])[0]

    def add_each(self, files: Iterable[tuple[Callable[[], bytes], str]], annotation: Annotation | None = None,
                 wait: bool = True) -> list[Added | Exception]:
        """Several pictures, sixteen at a time, each of which succeeds or fails on its own.

        :param files: what reads the bytes, and the name of each
        """
        results: dict[int, Added | Exception] = {}
        new: dict[int, Prepared] = {}
        for k, (read, filename) in enumerate(files):
            try:
                data, said = read(), checked(annotation or Annotation())
                sha256 = hashlib.sha256(data).hexdigest()
                if any(sha256 == one.sha256 for one in new.values()):
                    results |= self._each(new)
                    new = {}
                if (known := self._by_hash(sha256)) is not None:
                    results[k] = self._duplicate(known, data, said, wait)
                else:
                    new[k] = self.prepare(data, sha256, filename, said, wait)
            except Exception as error:  # of this one; the others are yet to come
                results[k] = error
            if len(new) == BATCH or sum(one.size for one in new.values()) > BATCH_BYTES:
                results |= self._each(new)
                new = {}
        results |= self._each(new)
        return [results[k] for k in sorted(results)]

    def prepare(self, data: bytes, sha256: str, filename: str, annotation: Annotation, wait: bool = True) -> Prepared:
        """What `add` does first with a picture that is not known; then comes `store`.

        :param sha256: of the data
        :param annotation: as `checked` gives it
        Raises UnsupportedImage, DamagedImage, TooLarge.
        """
        with stage("decode"):
            return Prepared(sha256, data, display_name(filename), self.decode(data), annotation, wait)

    def store(self, prepared: Sequence[Prepared]) -> list[Added]:
        """Describes pictures and stores them, in one transaction: that costs each of sixteen less than half of what one
        alone does."""
        files = self._disk.submit(self.storage.put_all, [(one.sha256, one.data) for one in prepared])
        try:
            descriptions = self._descriptions(prepared)  # the flushes wait for the disk, the models do not
        finally:
            with stage("store"):
                files.result()
        try:
            with stage("commit"):
                images = self._insert(prepared, descriptions)
        except IntegrityError:  # an equal upload was quicker
            if len(prepared) > 1:
                return [self.store([one])[0] for one in prepared]
            winner = self._by_hash(prepared[0].sha256)
            if winner is None:
                raise
            return [self._duplicate(winner, prepared[0].data, prepared[0].annotation, prepared[0].ready)]
        for image in images:
            UPLOADS.labels("stored" if image.status == "ready" else "pending").inc()
        return [Added(image, created=True) for image in images]

    def _each(self, prepared: Mapping[int, Prepared]) -> dict[int, Added | Exception]:
        """All in one transaction, or, where that fails, each in its own."""
        try:
            return dict(zip(prepared, self.store(list(prepared.values())), strict=True)) if prepared else {}
        except Exception as error:
            if len(prepared) == 1:
                return dict.fromkeys(prepared, error)
            return {k: done for key, one in prepared.items() for k, done in self._each({key: one}).items()}

    def decode(self, data: bytes) -> Picture:
        """The picture in the bytes, within the settings' limits, or the service's own error."""
        if len(data) > self.settings.max_upload_bytes:
            raise TooLarge(f"the file has {len(data):,} bytes; at most {self.settings.max_upload_bytes:,} are taken "
                           f"(MAX_UPLOAD_MB={self.settings.max_upload_mb})", "image")
        try:
            return images.decode(data, max_pixels=self.settings.max_pixels, at_least=self.describer.detail)
        except images.TooManyPixels as error:
            raise TooLarge(f"{error} (MAX_PIXELS={self.settings.max_pixels})", "image") from error
        except images.NotAnImage as error:
            raise UnsupportedImage(str(error), "image") from error
        except images.ImageError as error:
            raise DamagedImage(str(error), "image") from error

    def complete(self, image: Shown) -> Image:
        """Describes a picture that was stored without waiting, and makes it ready.

        Raises DamagedImage and its kin, and NotFound where it has been deleted meanwhile.
        """
        description = self.describe(image, image.caption if image.caption_source == "user" else None)
        with self.database.write() as session:
            image = self.find(session, image.id)
            if image.status != "ready":
                self._set_description(image, description)
                _set_vectors(session, image.number, description.vectors)
                self._tag(session, [image], [description])
                image.status, image.claimed_until = "ready", None
                self.touch(session, image)
        return image

    # ---- out -----------------------------------------------------------------------------------------

    def get(self, id: str) -> Record:
        """Raises NotFound."""
        with self.database.read() as session:
            record = records.with_id(session, id)
        if record is None:
            raise _unknown(id)
        return record

    def page(self, limit: int, below: int | None = None) -> Listing:
        """Newest first, those with a number under `below`."""
        with self.database.read() as session:
            found = records.newest(session, limit + 1, below)
        return Listing(found[:limit], found[limit - 1].number if len(found) > limit else None)

    def original(self, image: Shown) -> bytes:
        """The bytes as they came. Raises NotFound when the file has been lost or removed meanwhile."""
        try:
            return self.storage.get(image.sha256)
        except FileNotFoundError:
            raise NotFound(f"the file of image {image.id} is gone") from None

    def thumbnail(self, image: Shown, size: int, format: Literal["WEBP", "JPEG"]) -> Path:
        """A file with the picture upright, its longer side at most `size`; made at the first call."""
        suffix = format.lower()
        path = self.storage.thumbnail(image.sha256, size, suffix)
        if not path.exists():
            with stage("thumbnail"):
                data = images.thumbnail(self.original(image), size, format, max_pixels=self.settings.max_pixels)
            self.storage.put_thumbnail(image.sha256, size, suffix, data)
        return path

    def count(self, status: str | None = None) -> int:
        query = select(func.count()).select_from(Image)
        with self.database.read() as session:
            return session.scalar(query if status is None else query.where(Image.status == status)) or 0

    # ---- changed and gone ----------------------------------------------------------------------------

    def update(self, id: str, annotation: Annotation) -> Image:
        """What a person writes takes the place of what stood there, see `Annotation`; `Teaching.update` is a patch.
        Raises NotFound, Invalid."""
        annotation = checked(annotation)  # before anybody has to wait for it
        with self.database.write() as session:
            image = self.find(session, id)
            self.apply(session, image, annotation)
        return image

    def describe(self, image: Shown, caption: str | None = None) -> Description:
        """What the models say of a stored picture; `caption` is a person's, and none is then generated.

        Raises NotFound, and DamagedImage and its kin.
        """
        return self.describer.describe(self.decode(self.original(image)).image, caption)

    def apply(self, session: Session, image: Image, annotation: Annotation, description: Description | None = None,
              whole: bool = False) -> None:
        """A person's words, after a description that they asked for, in the caller's transaction.

        :param annotation: as `checked` gives it
        :param whole: the lists given are all there is; else what was derived about other subjects stays
        """
        if description:
            image.caption_source = None  # asked for, so it may replace what a person wrote
            self._set_description(image, description)
        self._annotate(image, annotation, whole)
        self.touch(session, image)

    def recaption(self, id: str) -> Shown:
        """Writes the caption anew, unless a person wrote it."""
        if (before := self.get(id)).caption_source == "user":
            return before
        description = self.describe(before)
        with self.database.write() as session:
            image = self.find(session, id)
            if image.caption_source != "user":
                self._set_description(image, description)
                self.touch(session, image)
        return image

    def delete(self, id: str, version: int | None = None) -> None:
        """Row, words and vectors in one transaction, then the file. Its lessons stay, see `Teaching.forget`.

        Raises NotFound, and Changed where `version` is given and is not the image's.
        """
        with self.database.write() as session:
            image = self.find(session, id)
            self.expect(image, version)
            sha256 = image.sha256
            self.remove(session, image)
        self.sweep(sha256)

    def remove(self, session: Session, image: Image) -> None:
        """Row, words and vectors, in the caller's transaction; after it, `sweep` takes the file."""
        self.text.remove(session, image.number)
        session.add(Deletion(image_number=image.number))
        session.execute(delete(Image).where(Image.number == image.number))

    def sweep(self, sha256: str) -> bool:
        """Removes a file that no row names. An upload of the same bytes waits for the same write lock, and then
        finds the file gone and stores it again."""
        with self.database.write() as session:
            if session.scalar(select(Image.number).where(Image.sha256 == sha256)) is not None:
                return False
            self.storage.delete(sha256)
            return True

    # ---- models change -------------------------------------------------------------------------------

    def missing_vectors(self) -> Select[Image]:
        """Ready images that are not yet in every space of the models in use, oldest first."""
        in_all = (select(Vector.image_number).where(Vector.space.in_(self.describer.spaces))
                  .group_by(Vector.image_number).having(func.count() == len(self.describer.spaces)))
        return (select(Image).where(Image.status == "ready", Image.number.not_in(in_all)).options(*CONTENT)
                .order_by(Image.number))

    def reindex(self, image: Shown) -> None:
        """Puts one picture into the spaces of the models in use. Captions and tags stay as they are."""
        picture = self.decode(self.original(image))
        seen = self.describer.see([picture.image])[0]
        with self.database.write() as session:
            if session.scalar(select(Image.number).where(Image.number == image.number)) is not None:
                _set_vectors(session, image.number, seen.vectors)

    def retire_spaces(self) -> int:
        """Forgets the vectors of models no longer in use; how many there were."""
        old = Vector.space.not_in(self.describer.spaces)
        with self.database.write() as session:
            count = session.scalar(select(func.count()).select_from(Vector).where(old)) or 0
            session.execute(delete(Vector).where(old))
        return count

    # ---- the parts -----------------------------------------------------------------------------------

    def _descriptions(self, prepared: Sequence[Prepared]) -> list[Description | None]:
        now = [one for one in prepared if one.ready]
        told = iter(self.describer.tell(self.describer.see([one.picture.image for one in now]),
                                        [one.annotation.caption for one in now]))
        return [next(told) if one.ready else None for one in prepared]

    def _by_hash(self, sha256: str) -> Image | None:
        with self.database.read() as session:
            if session.connection().execute(HELD, {"sha256": sha256}).first() is None:
                return None  # most often; the ORM would take 0.4 ms to say so
            return session.scalar(select(Image).where(Image.sha256 == sha256).options(*CONTENT))

    def find(self, session: Session, id: str) -> Image:
        image = session.scalar(select(Image).where(Image.id == id).options(*CONTENT))
        if image is None:
            raise _unknown(id)
        return image

    def _duplicate(self, image: Image, data: bytes, annotation: Annotation, wait: bool) -> Added:
        """A known picture comes again: what is said of it now is applied, and what is pending is done if asked."""
        UPLOADS.labels("duplicate").inc()
        self.storage.put(image.sha256, data)  # mends a lost file; nothing if it is there
        try:
            if annotation:
                image = self.update(image.id, annotation)
            return Added(self.complete(image) if wait and image.status != "ready" else image, created=False)
        except NotFound as error:
            raise Changed("the same picture was being deleted at this moment; send it again", "image") from error

    def _insert(self, prepared: Sequence[Prepared], descriptions: Sequence[Description | None]) -> list[Record]:
        images = [self._record(one, description) for one, description in zip(prepared, descriptions, strict=True)]
        with self.database.write() as session:
            self._tag(session, images, descriptions)
            rows.write(session, images, [one.vectors if one else {} for one in descriptions])
            self.text.put(session, {image.number: self.searchable(image) for image in images})
            self.storage.put_all([(one.sha256, one.data) for one in prepared])  # a deletion may have come between
        return images

    def _record(self, one: Prepared, description: Description | None) -> Record:
        moment, picture = now(), one.picture
        image = Record(0, secrets.token_urlsafe(12), one.sha256, one.filename, picture.format, picture.width,
                       picture.height, len(one.data), caption=None, caption_source=None, caption_model=None,
                       status="ready" if one.ready else "pending", version=1, created_at=moment, updated_at=moment)
        if description:
            self._set_description(image, description)
        self._annotate(image, one.annotation)
        return image

    def _tag(self, session: Session, images: Sequence[Shown], descriptions: Sequence[Description | None]) -> None:
        if self.tagging:
            seen = [(image, one.vectors) for image, one in zip(images, descriptions, strict=True) if one]
            self.tagging.tag(session, [image for image, _ in seen],
                             [vectors[self.tagging.pictures.space] for _, vectors in seen])

    def _set_description(self, image: Shown, description: Description) -> None:
        image.colours = [parts(image).Colour(name=c.name, hex=c.hex, share=c.share) for c in description.colours]
        if description.caption is not None and image.caption_source != "user":
            image.caption, image.caption_source = description.caption, "model"
            image.caption_model, image.caption_confidence = description.caption_model, description.confidence
        written = image.caption if image.caption_source == "user" else None  # maybe while the models were at work
        _derive(image, grammar.from_caption(written) if written else description.characteristics)

    def _annotate(self, image: Shown, annotation: Annotation, whole: bool = False) -> None:
        """Applies what a person says; the models' own rows about the same thing make way."""
        if annotation.caption is not None and not (annotation.gives_way and image.caption_source == "user"):
            image.caption, image.caption_source = annotation.caption, "user"
            image.caption_model = image.caption_confidence = None
            _derive(image, grammar.from_caption(annotation.caption))
        if annotation.tags is not None:
            given = {key(name): name for name in annotation.tags}
            kept = {key(name) for name in annotation.kept_tags} - given.keys()
            image.tags = [parts(image).Tag(name=given[k], key=k, source="user") for k in given] + [
                t for t in image.tags if t.source == "model" and t.key in kept]
        if annotation.characteristics is not None:
            derived = [c for c in image.characteristics if c.source != "user"]
            said = _said(annotation.characteristics, derived, parts(image))
            subjects = {c.key for c in said}
            image.characteristics = said + [c for c in derived if not whole and c.key not in subjects]

    def touch(self, session: Session, image: Image) -> None:
        """A new version, and its words in the text index, in the caller's transaction."""
        image.version, image.updated_at = image.version + 1, now()
        session.flush()
        self.text.put(session, {image.number: self.searchable(image)})

    @staticmethod
    def searchable(image: Shown) -> Texts:
        """What the text index holds of an image: caption, tags, characteristics; in the order they are read back."""
        tags: list[Any] = sorted(image.tags, key=attrgetter("source"), reverse=True)
        subjects: list[Any] = sorted(image.characteristics, key=attrgetter("source"), reverse=True)
        return (image.caption or "",
                " ".join(t.name for t in tags if t.source == "user" or (t.confidence or 0) >= SURE),
                " ".join(" ".join([c.subject, *(t.value for t in c.traits)]) for c in subjects))

    @staticmethod
    def expect(image: Shown, version: int | None) -> None:
        if version is not None and image.version != version:
            raise Changed(f"image {image.id} is at version {image.version}, not {version}: read it again, then "
                          "repeat the change", "If-Match")


def after(session: Session, number: int, limit: int) -> Sequence[Image]:
    """The images behind a number, oldest first, with their content: for those who go through all, part by part."""
    return session.scalars(select(Image).where(Image.number > number).options(*CONTENT).order_by(Image.number)
                           .limit(limit)).all()


def _unknown(id: str) -> NotFound:
    return NotFound(f"there is no image {id!r}", "id")


def _set_vectors(session: Session, number: int, vectors: Mapping[str, np.ndarray]) -> None:
    session.execute(delete(Vector).where(Vector.image_number == number, Vector.space.in_(vectors)))
    session.execute(rows.VECTORS, rows.vectors_of(number, vectors))


def _derive(image: Shown, found: Iterable[grammar.Characteristic]) -> None:
    """Replaces the characteristics derived from a caption; a subject that a person described stays theirs."""
    given = [c for c in image.characteristics if c.source == "user"]
    subjects = {c.key for c in given}
    derived = [_characteristic(c.subject, c.subject_colours, c.subject_actions, "caption", parts(image)) for c in found]
    image.characteristics = given + [c for c in derived if c.key not in subjects]


def _said(subjects: Sequence[Subject], derived: Sequence[Any], kinds: Any) -> list[Any]:
    """What a person gave, as rows. What they gave back unchanged stays derived, so that a new caption replaces it."""
    rows = []
    for s in subjects:
        row = _characteristic(s.subject, s.subject_colours, s.subject_actions, "user", kinds)
        same = next((d for d in derived if s.derived and _content(d) == _content(row)), None)
        if same is not None:
            row.source = same.source
        rows.append(row)
    return rows


def _content(row: Any) -> tuple[str, list[tuple[str, str]]]:
    return row.key, [(t.kind, t.key) for t in row.traits]


def _characteristic(subject: str, colours: Sequence[str], actions: Sequence[str], source: str, kinds: Any) -> Any:
    """:param kinds: see `records.parts`"""
    traits = [kinds.Trait(kind=kind, value=value, key=key(value))
              for kind, values in (("colour", colours), ("action", actions)) for value in dict.fromkeys(values)]
    return kinds.Characteristic(subject=subject, key=key(subject), source=source, traits=traits)
