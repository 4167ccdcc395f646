"""Images as they are shown, and as they are before they are stored: plain objects. Four queries read them; the ORM's
objects, which are for changing, take four times as long: 5 of the 15 ms of a search for a page of twenty."""
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, BindParameter, Connection, Select, bindparam, select
from sqlalchemy.orm import Session

from imagesearch import db
from imagesearch.commits import Cached

IMAGES, TAGS, CHARACTERISTICS, TRAITS, COLOURS = (db.table(kind).c for kind in (
    db.Image, db.Tag, db.Characteristic, db.Trait, db.Colour))
HIGHEST = 2**63 - 1
SUBJECTS = db.table(db.Characteristic).outerjoin(db.table(db.Trait))


class Tag(NamedTuple):
    name: str
    key: str
    source: str
    confidence: float | None = None


class Trait(NamedTuple):
    kind: str
    value: str
    key: str


class Colour(NamedTuple):
    name: str
    hex: str
    share: float


@dataclass(slots=True)
class Characteristic:
    subject: str
    key: str
    source: str
    traits: list[Trait] = field(default_factory=list)

    def values(self, kind: str) -> list[str]:
        return [t.value for t in self.traits if t.kind == kind]


@dataclass(slots=True)
class Record:
    """An image and what is known of it, as `db.Image` names it. One that is new has the number 0."""

    number: int
    id: str
    sha256: str
    filename: str
    format: str
    width: int
    height: int
    bytes: int
    caption: str | None
    caption_source: str | None
    caption_model: str | None
    status: str
    version: int
    created_at: datetime
    updated_at: datetime
    caption_confidence: float | None = None
    tags: list[Tag] = field(default_factory=list)
    characteristics: list[Characteristic] = field(default_factory=list)
    colours: list[Colour] = field(default_factory=list)


Shown = db.Image | Record


def parts(image: Shown) -> Any:
    """Where the classes Tag, Characteristic, Trait and Colour are that an image is made of: the ORM's, or these."""
    return db if isinstance(image, db.Image) else PLAIN


PLAIN = sys.modules[__name__]

# Made once: to put a statement together takes as long as to run it. Orders are those of the ORM's relations.
NUMBERS: BindParameter[Any] = bindparam("numbers", expanding=True)
WHOLE = select(*(IMAGES[name] for name in Record.__slots__ if name in IMAGES))
NUMBERED = WHOLE.where(IMAGES.number.in_(NUMBERS))
WITH_ID = WHOLE.where(IMAGES.id == bindparam("id"))
NEWEST = (WHOLE.where(IMAGES.number < bindparam("below", type_=BigInteger)).order_by(IMAGES.number.desc())
          .limit(bindparam("limit")))
THEIR_TAGS = (select(TAGS.image_number, TAGS.name, TAGS.key, TAGS.source, TAGS.confidence)
              .where(TAGS.image_number.in_(NUMBERS)).order_by(TAGS.source.desc(), TAGS.id))
THEIR_COLOURS = (select(COLOURS.image_number, COLOURS.name, COLOURS.hex, COLOURS.share)
                 .where(COLOURS.image_number.in_(NUMBERS)).order_by(COLOURS.share.desc()))
THEIR_SUBJECTS = (select(CHARACTERISTICS.image_number, CHARACTERISTICS.id, CHARACTERISTICS.subject,
                         CHARACTERISTICS.key, CHARACTERISTICS.source, TRAITS.kind, TRAITS.value, TRAITS.key)
                  .select_from(SUBJECTS).where(CHARACTERISTICS.image_number.in_(NUMBERS))
                  .order_by(CHARACTERISTICS.source.desc(), CHARACTERISTICS.id, TRAITS.id))


def numbered(session: Session, numbers: Sequence[int]) -> dict[int, Record]:
    """By number, those that are there."""
    return {record.number: record for record in _read(session, NUMBERED, numbers=numbers)}


def with_id(session: Session, id: str) -> Record | None:
    return next(iter(_read(session, WITH_ID, id=id)), None)


def newest(session: Session, limit: int, below: int | None = None) -> list[Record]:
    """Those with a number under `below`, newest first."""
    return _read(session, NEWEST, limit=limit, below=HIGHEST if below is None else below)


class Recent:
    """Records lately shown, as of the last commit: whoever types, sees half of a page again in the next one. They are
    shared, so not to be changed. Any number of threads may ask."""

    MOST = 2_000  # records, about 8 MB

    def __init__(self) -> None:
        self._lock, self._cached = threading.Lock(), Cached()
        self._held: dict[int, Record] = {}

    def numbered(self, session: Session, numbers: Sequence[int]) -> dict[int, Record]:
        """As the function of that name."""
        with self._lock:
            if not self._cached.is_right(session):
                self._held.clear()
                self._cached.now_right(session)
            found = {number: self._held[number] for number in numbers if number in self._held}
        if missing := [number for number in numbers if number not in found]:
            read = numbered(session, missing)
            found |= read
            with self._lock:
                if self._cached.is_right(session):  # else they may be older than what others hold now
                    self._held |= read
                    for oldest in list(islice(self._held, max(0, len(self._held) - self.MOST))):
                        del self._held[oldest]
        return found


def _read(session: Session, query: Select[Any], **values: Any) -> list[Record]:
    connection = session.connection()  # without the session's own part in every query
    found = [Record(*row) for row in connection.execute(query, values).all()]
    if found:
        _fill(connection, {record.number: record for record in found})
    return found


def _fill(connection: Connection, found: dict[int, Record]) -> None:
    numbers = {"numbers": list(found)}
    for number, name, key, source, confidence in connection.execute(THEIR_TAGS, numbers).all():
        found[number].tags.append(Tag(name, key, source, confidence))
    for number, name, hex, share in connection.execute(THEIR_COLOURS, numbers).all():
        found[number].colours.append(Colour(name, hex, share))
    seen: dict[int, Characteristic] = {}
    for number, id, subject, key, source, kind, value, trait in connection.execute(THEIR_SUBJECTS, numbers).all():
        if id not in seen:
            seen[id] = Characteristic(subject, key, source)
            found[number].characteristics.append(seen[id])
        if kind is not None:  # else a subject without colours or actions
            seen[id].traits.append(Trait(kind, value, trait))
