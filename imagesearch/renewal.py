"""After a change of models: captions written anew, pictures put into the new models' vector spaces."""
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from imagesearch.db import Image
from imagesearch.errors import NotFound, ServiceError
from imagesearch.library import Library
from imagesearch.pool import spread

CHUNK = 500  # rows read at a time


@dataclass(frozen=True)
class Renewed:
    """One image; `trouble` says why it could not be done."""

    id: str
    trouble: str = ""


def outdated(library: Library, everything: bool = False, before: datetime | None = None) -> list[str]:
    """Ids of the ready images whose caption another model version wrote, or nobody; with `everything` those of the
    present version too. What a person wrote is never among them. `before`: not changed since, to go on after a stop.
    """
    other = or_(Image.caption_model.is_(None), Image.caption_model != library.describer.caption_model)
    conditions: list[ColumnElement[bool]] = [Image.status == "ready", _not_by_a_person()]
    conditions += [] if everything else [other]
    conditions += [] if before is None else [Image.updated_at < before]
    with library.database.read() as session:
        return list(session.scalars(select(Image.id).where(and_(*conditions)).order_by(Image.number)))


def _not_by_a_person() -> ColumnElement[bool]:
    return or_(Image.caption_source.is_(None), Image.caption_source != "user")


def recaption(library: Library, ids: Sequence[str], jobs: int,
              stop: threading.Event | None = None) -> Iterator[Renewed]:
    """Each as it is done. A person's caption among them stays."""
    def one(id: str) -> Renewed:
        try:
            library.recaption(id)
            return Renewed(id)
        except ServiceError as error:
            return Renewed(id, str(error))

    return spread(one, ids, jobs, stop)


def unindexed(library: Library) -> int:
    """How many images are not in every space of the models in use."""
    with library.database.read() as session:
        waiting = library.missing_vectors().with_only_columns(Image.number).order_by(None).subquery()
        return session.scalar(select(func.count()).select_from(waiting)) or 0


def reindex(library: Library, jobs: int, stop: threading.Event | None = None) -> Iterator[Renewed]:
    """Puts every image into the spaces of the models in use, those included that arrive meanwhile."""
    def one(image: Image) -> Renewed:
        try:
            library.reindex(image)
            return Renewed(image.id)
        except NotFound as error:
            return Renewed(image.id, str(error))
        except ServiceError as error:
            return Renewed(image.id, f"{image.filename}: {error}")

    return spread(one, _unindexed(library), jobs, stop)


def _unindexed(library: Library) -> Iterator[Image]:
    last = 0
    while True:
        with library.database.read() as session:
            chunk = session.scalars(library.missing_vectors().where(Image.number > last).limit(CHUNK)).all()
        if not chunk:
            return
        yield from chunk
        last = chunk[-1].number
