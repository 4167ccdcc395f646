"""Teaching: a person says which tags are right, and the whole library follows."""
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import BigInteger, literal, select, update
from sqlalchemy.orm import Session

from imagesearch import lesson_file
from imagesearch.annotations import Annotation, checked
from imagesearch.db import Image, Lesson, Tag, now
from imagesearch.errors import ModelMissing, NotFound
from imagesearch.index.words import key
from imagesearch.library import CONTENT, Library
from imagesearch.tagging import ACTIVE, Retagged, Suggestion, Tagging, forget_lessons


@dataclass(frozen=True)
class Taught:
    """The image, None where it is gone; its lessons, and what each changed in the library."""

    image: Image | None
    lessons: list[Lesson]
    changes: list[Retagged]


class Teaching:
    def __init__(self, library: Library):
        self.library = library

    def update(self, id: str, annotation: Annotation, version: int | None = None, recaption: bool = False) -> Image:
        """What a person writes replaces what stood there, and the tags it adds and removes are lessons, all in one
        transaction; `recaption` asks for a generated caption instead.

        Raises NotFound, Invalid, and Changed when `version` is given and is not the image's.
        """
        annotation, description = checked(annotation), None
        if recaption:
            stored = self.library.get(id)
            self.library.expect(stored, version)
            description = self.library.describe(stored)
        with self._learning() as session:
            image = self.library.find(session, id)
            self.library.expect(image, version)
            before, sources = list(image.tags), {t.key: t.source for t in image.tags}
            self.library.apply(session, image, annotation, description, whole=True)
            if annotation.tags is not None and self._seen(session, image):
                left = {t.key for t in image.tags}
                right = [t.name for t in image.tags if t.source == "user" and sources.get(t.key) != "user"]
                wrong = [t.name for t in before if t.key not in left]
                self._teach(session, image, right, wrong, sources)
        return image

    def teach(self, id: str, right: Sequence[str] = (), wrong: Sequence[str] = ()) -> Taught:
        """The tags `right` and `wrong` for an image: it follows at once, the taggers learn, and every image is judged
        anew by what they learnt. Raises NotFound, Invalid, and ModelMissing without taggers.
        """
        self._tagging()
        with self._learning() as session:
            return self._teach(session, self.library.find(session, id), right, wrong)

    def undo(self, lesson_id: int) -> Taught:
        """Takes a lesson back, and what came of it. Raises NotFound for one that is not there or was taken back."""
        tagging = self._tagging()
        with self._learning() as session:
            lesson = session.scalar(select(Lesson).where(Lesson.id == literal(lesson_id, BigInteger), *ACTIVE))
            if lesson is None:
                raise NotFound(f"there is no lesson {lesson_id} to take back", "lesson")
            image = session.scalar(select(Image).where(Image.number == lesson.image_number).options(*CONTENT))
            tagging.undo(session, lesson, image)
            return self._taught(session, image, [lesson])

    def forget(self, id: str, version: int | None = None) -> None:
        """Deletes an image as `Library.delete` does and its lessons with it: the whole library is tagged as if they
        had not been given. What stays of them are empty rows. Raises NotFound and Changed.
        """
        with self._learning() as session:
            image = self.library.find(session, id)
            self.library.expect(image, version)
            sha256, names = image.sha256, forget_lessons(session, image)
            if self.library.tagging is not None:  # before the image goes: its number must still be one
                self._follow(session, [self.library.tagging.retag(session, name) for name in names])
            self.library.remove(session, image)
        self.library.sweep(sha256)

    def knows(self, id: str, tag: str) -> bool:
        """Whether a tagger knows the tag or some image has it. Raises NotFound, and ModelMissing without taggers."""
        tagging = self._tagging()
        with self.library.database.read() as session:
            self.library.find(session, id)
            return tagging.knows(session, tag) or session.scalar(
                select(Tag.id).where(Tag.key == key(tag)).limit(1)) is not None

    def lessons(self, limit: int, below: int | None = None,
                id: str | None = None) -> list[tuple[Lesson, str | None]]:
        """Those still standing with their image's id, newest first; of one image, or of all."""
        query = (select(Lesson, Image.id).outerjoin(Image, Image.number == Lesson.image_number)
                 .where(*ACTIVE).order_by(Lesson.id.desc()).limit(limit))
        query = query if below is None else query.where(Lesson.id < literal(below, BigInteger))
        with self.library.database.read() as session:
            if id is not None:
                query = query.where(Lesson.image_number == self.library.find(session, id).number)
            return [(lesson, image_id) for lesson, image_id in session.execute(query)]

    def export(self, path: Path) -> tuple[int, int]:
        """Writes the lessons that stand to a file, see `imagesearch.lesson_file`: how many there are, and how many were
        left out as they were given under another encoder. Raises ModelMissing without taggers."""
        space = self._tagging().lesson_space
        with self.library.database.read() as session:
            standing = list(session.scalars(select(Lesson).where(*ACTIVE).order_by(Lesson.id)))
        ours = [lesson for lesson in standing if lesson.space == space]
        tellable = [lesson for lesson in ours if lesson.key]  # of old the tag `!!!` was taken, which is so no more
        return lesson_file.write(path, space, tellable), len(standing) - len(ours)

    def take_in(self, path: Path) -> Taught:
        """Learns the lessons of a file, but for those that stand here already, and tags the whole library anew by
        them; all of it or nothing. They teach as those of a deleted image do, and can be taken back like any other.
        Raises BadLessons, and ModelMissing without taggers.
        """
        tagging = self._tagging()
        records = lesson_file.read(path, tagging.lesson_space, tagging.width)
        with self._learning() as session:
            standing = {(one.key, one.correct, one.vector) for one in session.scalars(select(Lesson).where(*ACTIVE))}
            new = {(key(r.tag), r.correct, r.vector): r for r in records}
            names = {key(r.tag): tagging.name(session, r.tag) for r in reversed(records)}
            rows = [Lesson(name=names[tag], key=tag, correct=correct, space=tagging.lesson_space, vector=vector,
                           created_at=record.taught_at)
                    for (tag, correct, vector), record in new.items() if (tag, correct, vector) not in standing]
            session.add_all(rows)
            session.flush()
            return self._taught(session, None, rows)

    def suggestions(self, id: str) -> list[Suggestion]:
        """What the taggers would say of an image now. Raises NotFound, and ModelMissing without taggers."""
        tagging = self._tagging()
        with self.library.database.read() as session:
            return tagging.suggest(session, self.library.find(session, id))

    def retag(self) -> int:
        """After a change of taggers or of the encoder: takes the lessons along and judges every image anew by every
        tag. How many images changed."""
        tagging, touched = self._tagging(), set()
        with self._learning() as session:
            tagging.adopt(session)
            names = tagging.names(session)
        for name in names:  # a transaction each: uploads go on between them
            with self._learning() as session:
                touched |= self._follow(session, [tagging.retag(session, name)])
        return len(touched)

    def _seen(self, session: Session, image: Image) -> bool:
        """Whether taggers have its vector: not while it is pending or, after a change of models, unindexed."""
        tagging = self.library.tagging
        return tagging is not None and tagging.pictures.vector(session, image.number) is not None

    def _tagging(self) -> Tagging:
        if self.library.tagging is None:
            raise ModelMissing("there is no tagger to teach: set TAGGER and LEARNER to models that GET /models lists")
        return self.library.tagging

    @contextmanager
    def _learning(self) -> Iterator[Session]:
        """A writing transaction; if it fails, the taggers forget what they took in of it."""
        tagging = self.library.tagging
        with tagging.learning() if tagging else nullcontext(), self.library.database.write() as session:
            yield session

    def _teach(self, session: Session, image: Image, right: Sequence[str], wrong: Sequence[str],
               sources: Mapping[str, str] | None = None) -> Taught:
        lessons = [self._tagging().teach(session, image, tag, correct, sources)
                   for tags, correct in ((right, True), (wrong, False)) for tag in tags]
        return self._taught(session, image, lessons)

    def _taught(self, session: Session, image: Image | None, lessons: Sequence[Lesson]) -> Taught:
        tagging = self._tagging()
        if image is not None and lessons:
            self.library.touch(session, image)
        changes = [tagging.retag(session, name) for name in dict.fromkeys(lesson.name for lesson in lessons)]
        self._follow(session, changes)
        if image is not None:
            session.refresh(image)
        return Taught(image, list(lessons), changes)

    def _follow(self, session: Session, changes: Sequence[Retagged]) -> set[int]:
        """New versions and search terms for the images whose tags a lesson changed."""
        worded = set().union(*(c.reworded for c in changes))
        touched = set().union(*(c.gained | c.lost | c.moved for c in changes))
        numbers = sorted(touched)
        for chunk in (numbers[k:k + 500] for k in range(0, len(numbers), 500)):
            session.execute(update(Image).where(Image.number.in_(chunk))
                            .values(version=Image.version + 1, updated_at=now())
                            .execution_options(synchronize_session=False))
            reworded = session.scalars(select(Image).where(Image.number.in_(worded.intersection(chunk)))
                                       .options(*CONTENT).execution_options(populate_existing=True))
            self.library.text.put(session, {image.number: self.library.searchable(image) for image in reworded})
        return touched
