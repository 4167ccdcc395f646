"""New images written with one insert a table, however many they are. The ORM, which works out what has changed, takes
three times as long: 2.5 ms of an upload."""
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from imagesearch.db import Characteristic, Colour, Image, Tag, Trait, Vector, table
from imagesearch.records import Record

Row = dict[str, Any]

NUMBERS, SUBJECTS = (insert(table(kind)).returning(key, sort_by_parameter_order=True) for kind, key in (
    (Image, table(Image).c.number), (Characteristic, table(Characteristic).c.id)))
TAGS, TRAITS, COLOURS, VECTORS = (insert(table(kind)) for kind in (Tag, Trait, Colour, Vector))
OWN = [name for name in Record.__slots__ if name in table(Image).c and name != "number"]


def write(session: Session, images: Sequence[Record], vectors: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Gives new images their numbers, and writes them with all that is theirs.

    :param vectors: of each image, space → (d,)
    """
    connection = session.connection()
    own: list[Row] = [{name: getattr(image, name) for name in OWN} | {"attempts": 0} for image in images]
    for image, number in zip(images, connection.execute(NUMBERS, own).scalars().all(), strict=True):
        image.number = number
    subjects = [(image.number, c) for image in images for c in image.characteristics]
    ids: Sequence[int] = []
    if subjects:
        ids = connection.execute(SUBJECTS, [{"image_number": number, "subject": c.subject, "key": c.key,
                                             "source": c.source} for number, c in subjects]).scalars().all()
    for statement, values in (
            (TAGS, [{"image_number": image.number, **t._asdict()} for image in images for t in image.tags]),
            (TRAITS, [{"characteristic_id": id, **t._asdict()} for id, (_, c) in zip(ids, subjects, strict=True)
                      for t in c.traits]),
            (COLOURS, [{"image_number": image.number, **c._asdict()} for image in images for c in image.colours]),
            (VECTORS, [row for image, found in zip(images, vectors, strict=True)
                       for row in vectors_of(image.number, found)])):
        if values:
            connection.execute(statement, values)


def vectors_of(number: int, vectors: Mapping[str, np.ndarray]) -> list[Row]:
    """As they are kept: float16."""
    return [{"image_number": number, "space": space, "data": np.asarray(vector, "float16").tobytes()}
            for space, vector in vectors.items()]
