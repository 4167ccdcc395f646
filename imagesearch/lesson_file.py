"""What people taught, as one file: a line that says whose vectors these are, then a line of JSON a lesson.

    {"format": "imagesearch lessons 1", "space": "vgg16-pooled@9e0a5941", "lessons": 1, "sha256": "of all lines below"}
    {"tag": "puppy", "correct": true, "taught_at": "2026-01-31T12:00:00+00:00", "vector": "float16 in base64"}

The naive Bayes statistics (count, mean and deviation of each tag) follow from the lessons, so this is them in a form
that can be added to what another library has learnt, and taken back lesson by lesson.
"""
import base64
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from imagesearch.annotations import Annotation, checked
from imagesearch.db import Lesson
from imagesearch.errors import ServiceError
from imagesearch.storage import sync_folder

FORMAT = "imagesearch lessons 1"


class BadLessons(ServiceError):
    """Not a file of lessons, cut off, altered, of another version or of another encoder. Nothing has been learnt."""


@dataclass(frozen=True)
class Record:
    """A lesson without its picture: the picture's pooled vector, float16, stands for it."""

    tag: str
    correct: bool
    taught_at: datetime
    vector: bytes


def write(path: Path, space: str, lessons: Iterable[Lesson]) -> int:
    """Whole or not at all, after a power cut too; how many there were."""
    lines = [json.dumps({"tag": one.name, "correct": one.correct, "taught_at": one.created_at.isoformat(),
                         "vector": base64.b64encode(one.vector).decode()}, ensure_ascii=False) for one in lessons]
    body = "".join(f"{line}\n" for line in lines).encode()
    header = {"format": FORMAT, "space": space, "lessons": len(lines), "sha256": hashlib.sha256(body).hexdigest()}
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(json.dumps(header).encode() + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)
    return len(lines)


def read(path: Path, space: str, width: int) -> list[Record]:
    """The lessons of a file, all of them checked. Raises BadLessons, naming the file and what is wrong with it.

    :param space: the vector space that this library learns in; `width`: how many numbers a vector of it has
    """
    first, _, body = path.read_bytes().partition(b"\n")
    _check(path, _object(first), body, space)
    return [_record(line, width, f"{path}, line {number}") for number, line in enumerate(body.splitlines(), 2)]


def _object(line: bytes) -> dict[str, Any]:
    """What a line holds; nothing where it is no JSON object."""
    try:
        found = json.loads(line)
    except ValueError:  # not JSON, or not even text
        return {}
    return found if isinstance(found, dict) else {}


def _check(path: Path, header: dict[str, Any], body: bytes, space: str) -> None:
    if not str(header.get("format")).startswith(FORMAT.rsplit(" ", 1)[0]):
        raise BadLessons(f"{path} is not a file of lessons: `lessons export` writes one")
    if header["format"] != FORMAT:
        raise BadLessons(f"{path} is of the version {header['format']!r}, this service reads {FORMAT!r}: export it by "
                         "the same version of the service")
    if header.get("space") != space:
        raise BadLessons(f"{path} holds lessons in the vectors of {header.get('space')}, this library learns in those "
                         f"of {space}: they cannot be compared. Start both with the same ENCODER")
    if (count := body.count(b"\n")) != header.get("lessons"):
        raise BadLessons(f"{path} is cut off: it has {count} of {header.get('lessons')} lessons. Copy it again")
    if header.get("sha256") != hashlib.sha256(body).hexdigest():
        raise BadLessons(f"{path} is damaged: it does not match its checksum. Copy it again")


def _record(line: bytes, width: int, where: str) -> Record:
    try:
        said = json.loads(line)
        vector = base64.b64decode(said["vector"], validate=True)
        numbers = np.frombuffer(vector, "float16")
        if len(numbers) != width or not np.isfinite(numbers).all() or not isinstance(said["correct"], bool):
            raise ValueError(f"expected a vector of {width} finite numbers and true or false")
        tag, = checked(Annotation(tags=[said["tag"]])).tags or ()
        return Record(tag, said["correct"], datetime.fromisoformat(said["taught_at"]), vector)
    except (KeyError, TypeError, ValueError, ServiceError) as error:
        raise BadLessons(f"{where} is no lesson: {error}") from error
