"""The models' tags, and what people teach them."""
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session, aliased

from captioning.logistic import sigmoid
from imagesearch.db import Image, Lesson, Tag, table
from imagesearch.errors import Invalid
from imagesearch.index import VectorIndex
from imagesearch.index.words import key
from imagesearch.records import Shown, parts

if TYPE_CHECKING:
    from captioning.taggers import Teachable

SUGGESTED = 10
LEAST = 0.05  # confidence under which nothing is suggested
SURE = 0.5  # a model's tag under this is shown and filtered by, but is no word of a text search: most are wrong
MOVED = 0.005  # a confidence that changes by less stays as it is written
LESSONS = table(Lesson).c
NEWER = (select(LESSONS.id, LESSONS.undoes, LESSONS.name, LESSONS.correct, LESSONS.space, LESSONS.vector)
         .where(LESSONS.id > bindparam("seen")).order_by(LESSONS.id))  # asked at every upload
_undo = aliased(Lesson)
ACTIVE = (Lesson.undoes.is_(None), ~select(_undo.id).where(_undo.undoes == Lesson.id).exists())


@dataclass(frozen=True)
class Suggestion:
    name: str
    confidence: float


@dataclass(frozen=True)
class Retagged:
    """What a lesson changed: the numbers of the images that gained and lost the tag, and whose confidence moved."""

    name: str
    gained: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    moved: frozenset[int] = frozenset()
    reworded: frozenset[int] = frozenset()  # those whose search terms it changes


class Tagging:
    """Trained tags corrected by lessons. The lessons are rows; what the tagger makes of them is a cache that takes in
    the rows newer than the last it has seen, as the vector index does."""

    def __init__(self, taggers: "Teachable", pictures: VectorIndex, lessons: str):
        """`lessons`: the space that lessons are given in: of `pictures`, or of the encoder that theirs stands for."""
        self.lesson_space = lessons
        self.pictures, self._trained, self._blank = pictures, taggers.trained, taggers.lessons.blank
        self._lock = threading.RLock()
        self.forget()

    def name(self, session: Session, tag: str) -> str:
        """The tagger's own spelling of a tag, where it knows it: `Dogs` → `dog`."""
        return next((name for name in self._fresh(session).names if key(name) == key(tag)), tag.casefold())

    def knows(self, session: Session, tag: str) -> bool:
        return any(key(name) == key(tag) for name in self._fresh(session).names)

    def tag(self, session: Session, images: Sequence[Shown], vectors: Sequence[np.ndarray]) -> None:
        """Gives images the models' tags by their pooled vectors. What a person tagged or rejected stays as they left
        it."""
        if not images:
            return
        for image, found in zip(images, self._fresh(session).tags_of(np.stack(vectors)), strict=True):
            own = [t for t in image.tags if t.source == "user"]
            theirs = {t.key for t in own} | self._rejected_on(session, image)
            image.tags = own + [parts(image).Tag(name=t.name, key=k, source="model", confidence=round(t.confidence, 4))
                                for t in found if (k := key(t.name)) not in theirs]

    def suggest(self, session: Session, image: Image) -> list[Suggestion]:
        """What the taggers would say of an image now, likeliest first, whatever their thresholds; without what a
        person has said of it already."""
        vector = self.pictures.vector(session, image.number)
        if vector is None:
            return []
        said = {t.key for t in image.tags if t.source == "user"} | self._rejected_on(session, image)
        with self._lock:  # another thread may take back the only lesson of a tag: its name is then unknown
            taggers = self._fresh(session)
            names = taggers.names
            confidences = sigmoid(taggers.log_odds(vector[None], names)[0])
        order = [i for i in np.argsort(-confidences, kind="stable") if key(names[i]) not in said]
        return [Suggestion(names[i], round(float(confidences[i]), 4)) for i in order[:SUGGESTED]
                if confidences[i] >= LEAST]

    def teach(self, session: Session, image: Image, tag: str, correct: bool,
              sources: Mapping[str, str] | None = None) -> Lesson:
        """One lesson, in the caller's transaction; the image's own tag follows it. See `retag` for all others.

        :param sources: key → source of the tags the image had before, where they have changed already
        """
        vector = self.pictures.vector(session, image.number)
        if vector is None:
            raise Invalid("the image still waits to be described; try again in a moment", "id")
        old = next((t for t in image.tags if t.key == key(tag)), None)
        sources = {t.key: t.source for t in image.tags} if sources is None else sources
        lesson = Lesson(image_number=image.number, name=self.name(session, tag), key=key(tag), correct=correct,
                        before=sources.get(key(tag)), space=self.lesson_space,
                        vector=vector.astype("float16").tobytes())
        image.tags = [t for t in image.tags if t.key != key(tag)]
        if correct:
            image.tags.append(Tag(name=tag if old is None else old.name, key=key(tag), source="user"))
        session.add(lesson)
        session.flush()
        return lesson

    def undo(self, session: Session, lesson: Lesson, image: Image | None) -> None:
        """Takes a lesson back; the image's tag is again what it was before, unless a later lesson decided it."""
        session.add(Lesson(image_number=lesson.image_number, name=lesson.name, key=lesson.key, correct=lesson.correct,
                           undoes=lesson.id, space=lesson.space, vector=lesson.vector))
        if image is not None and not self._overruled(session, lesson):
            given = any(t.key == lesson.key and t.source == "user" for t in image.tags)
            if lesson.correct or not given:  # a tag that was rejected and given again in another way stays
                image.tags = [t for t in image.tags if t.key != lesson.key]
                if lesson.before == "user":
                    image.tags.append(Tag(name=lesson.name, key=lesson.key, source="user"))
        session.flush()

    def retag(self, session: Session, tag: str) -> Retagged:
        """Says anew of every image whether it has this tag: one column, 10,000 images in some 50 ms."""
        numbers, vectors = self.pictures.all(session)
        taggers, name = self._fresh(session), self.name(session, tag)
        confidence: dict[int, float] = {}
        if name in taggers.names and len(numbers):
            found = sigmoid(taggers.log_odds(vectors, [name])[:, 0])
            chosen = np.flatnonzero(found >= taggers.threshold(name))
            confidence = dict(zip(numbers[chosen].tolist(), found[chosen].round(4).tolist(), strict=True))
        rows = session.execute(select(Tag.image_number, Tag.id, Tag.source, Tag.confidence)
                               .where(Tag.key == key(name))).all()
        theirs = {row.image_number for row in rows if row.source == "user"} | self._rejected(session, key(name))
        given = {row.image_number: row for row in rows if row.source == "model"}
        wanted = {number: c for number, c in confidence.items() if number not in theirs}
        gained, lost = wanted.keys() - given.keys(), given.keys() - wanted.keys()
        moved = {n for n in wanted.keys() & given.keys() if abs(wanted[n] - (given[n].confidence or 0)) > MOVED}
        _write(session, name, {n: wanted[n] for n in gained}, [given[n].id for n in lost],
               {given[n].id: wanted[n] for n in moved})
        reworded = {n for n in gained | lost | moved
                    if (wanted.get(n, 0) >= SURE) != (n in given and (given[n].confidence or 0) >= SURE)}
        return Retagged(name, frozenset(gained), frozenset(lost), frozenset(moved), frozenset(reworded))

    @property
    def width(self) -> int:
        """How many numbers a picture's vector has."""
        return len(self._taggers.lessons.space.centre)

    def names(self, session: Session) -> tuple[str, ...]:
        """Every tag the taggers know."""
        return tuple(self._fresh(session).names)

    def adopt(self, session: Session) -> None:
        """Moves the lessons given under another encoder into this one's space, as far as their images are there."""
        for lesson in session.scalars(select(Lesson).where(Lesson.space != self.lesson_space)):
            vector = None if lesson.image_number is None else self.pictures.vector(session, lesson.image_number)
            if vector is not None:
                lesson.space, lesson.vector = self.lesson_space, vector.astype("float16").tobytes()
        session.flush()
        self.forget()

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Around a transaction that teaches: where it fails, what was taken in of it is forgotten."""
        taggers, seen = self._taggers, self._seen
        try:
            yield
        except BaseException:
            if self._taggers is not taggers or self._seen != seen:  # to learn every lesson anew takes its time
                self.forget()
            raise

    def forget(self) -> None:
        """All lessons; they are learnt anew when the taggers are next asked."""
        from captioning.taggers import Teachable

        with self._lock:
            self._taggers, self._seen = Teachable(self._trained, self._blank()), 0
            self._learnt: dict[int, tuple[str, np.ndarray, bool]] = {}  # a row may be emptied, see `forget_lessons`

    # ---- the parts -----------------------------------------------------------------------------------

    def _fresh(self, session: Session) -> "Teachable":
        session.flush()  # lessons of this transaction
        with self._lock:
            for lesson in session.connection().execute(NEWER, {"seen": self._seen}):
                self._seen = lesson.id
                if lesson.undoes is not None:
                    if (learnt := self._learnt.pop(lesson.undoes, None)) is not None:
                        self._taggers.unlearn(*learnt)
                elif lesson.vector and lesson.space == self.lesson_space:
                    learnt = lesson.name, np.frombuffer(lesson.vector, "float16").astype("float32"), lesson.correct
                    self._taggers.learn(*learnt)
                    self._learnt[lesson.id] = learnt
            return self._taggers

    def _overruled(self, session: Session, lesson: Lesson) -> bool:
        """Whether a later lesson still stands on the same tag of the same image."""
        return session.scalar(select(Lesson.id).where(
            Lesson.image_number == lesson.image_number, Lesson.key == lesson.key, Lesson.id > lesson.id, *ACTIVE
        ).limit(1)) is not None

    def _rejected(self, session: Session, tag_key: str) -> set[int]:
        """The images of which the last lesson still standing says that the tag is wrong."""
        rows = session.execute(select(Lesson.image_number, Lesson.correct).order_by(Lesson.id)
                               .where(Lesson.key == tag_key, Lesson.image_number.is_not(None), *ACTIVE))
        last = {row.image_number: row.correct for row in rows}
        return {number for number, correct in last.items() if not correct}

    def _rejected_on(self, session: Session, image: Shown) -> set[str]:
        if not image.number:
            return set()
        rows = session.execute(select(Lesson.key, Lesson.correct).order_by(Lesson.id)
                               .where(Lesson.image_number == image.number, *ACTIVE))
        last = {row.key: row.correct for row in rows}
        return {tag_key for tag_key, correct in last.items() if not correct}


def forget_lessons(session: Session, image: Image) -> list[str]:
    """Takes back all lessons of an image and empties their rows, in the caller's transaction; the tags they taught.

    The rows stay, without name and vector, and each that still stood gets one behind it that undoes it: by these
    the processes that have learnt the lesson, and hold it in memory, hear that it is to be unlearnt.
    """
    mine = Lesson.image_number == image.number
    standing = list(session.scalars(select(Lesson).where(mine, *ACTIVE)))
    names = list(dict.fromkeys(lesson.name for lesson in standing))
    session.add_all(Lesson(undoes=one.id, correct=one.correct, space=one.space, name="", key="", vector=b"")
                    for one in standing)
    session.flush()
    session.execute(update(Lesson).where(mine).values(name="", key="", vector=b""))
    return names


def _write(session: Session, name: str, gained: dict[int, float], lost: Iterable[int], moved: dict[int, float]) -> None:
    if gained:
        session.execute(insert(Tag), [{"image_number": n, "name": name, "key": key(name), "source": "model",
                                       "confidence": c} for n, c in gained.items()])
    for chunk in _chunks(list(lost)):
        session.execute(delete(Tag).where(Tag.id.in_(chunk)).execution_options(synchronize_session=False))
    if moved:
        session.execute(update(Tag), [{"id": id, "confidence": c} for id, c in moved.items()])


def _chunks(ids: list[int], size: int = 500) -> Iterable[list[int]]:
    """SQLite takes some thousand parameters a statement at the most."""
    return (ids[k:k + size] for k in range(0, len(ids), size))
