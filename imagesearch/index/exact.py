"""Exact cosine search over one vector space, held in memory."""
import threading
from collections.abc import Collection

import numpy as np
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from imagesearch.commits import Cached
from imagesearch.db import Deletion, Vector

# made once: to put a statement together takes longer than to run it
NEWER = (select(Vector.id, Vector.image_number, Vector.data).order_by(Vector.id)
         .where(Vector.space == bindparam("space"), Vector.id > bindparam("seen")))
GONE = select(Deletion.id, Deletion.image_number).where(Deletion.id > bindparam("seen")).order_by(Deletion.id)


class ExactIndex:
    """A cache of the `vectors` table: before each search it takes in the rows newer than the last it has seen and
    lets go of deleted images, so several processes agree without messages.

    100,000 vectors of 512 take 6 ms a query on one core; an approximate index pays above that.
    """

    def __init__(self, space: str):
        self.space = space
        self._lock, self._cached = threading.Lock(), Cached()
        self._seen_vector = self._seen_deletion = self._used = 0
        self._numbers = np.empty(0, "int64")
        self._vectors = np.empty((0, 0), "float32")
        self._rows: dict[int, int] = {}  # image number → row
        self._gone: set[int] = set()  # a session that began before a deletion still reads that image's vector

    def nearest(self, session: Session, vector: np.ndarray, limit: int, among: Collection[int] | None = None,
                also: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        numbers, vectors, _ = self._fresh(session)
        if among is not None:
            rows = np.flatnonzero(np.isin(numbers, np.fromiter(among, "int64", len(among))))
            numbers, vectors = numbers[rows], vectors[rows]
        if not len(numbers):
            return np.empty(0, "int64"), np.empty(0, "float32")
        cosines = vectors @ np.asarray(vector, "float32")
        if limit >= len(cosines):
            return numbers, cosines
        given = np.zeros(len(cosines), bool) if also is None else np.isin(numbers, also)
        given[np.argpartition(-cosines, limit)[:limit]] = True
        return numbers[given], cosines[given]

    def vector(self, session: Session, number: int) -> np.ndarray | None:
        _, vectors, rows = self._fresh(session)
        return vectors[rows[number]] if number in rows else None

    def all(self, session: Session) -> tuple[np.ndarray, np.ndarray]:
        numbers, vectors, _ = self._fresh(session)
        return numbers, vectors

    def count(self, session: Session) -> int:
        return len(self._fresh(session)[0])

    def _fresh(self, session: Session) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
        """Numbers, vectors and rows as the session's transaction sees them. What is handed out is never changed in
        place: a deletion copies, an addition writes behind the part handed out."""
        with self._lock:
            if not self._cached.is_right(session):
                self._take_in(session)
                self._let_go(session)
                self._cached.now_right(session)
            return self._numbers[:self._used], self._vectors[:self._used], self._rows

    def _take_in(self, session: Session) -> None:
        rows = session.connection().execute(NEWER, {"space": self.space, "seen": self._seen_vector}).all()
        new = [row for row in rows if row.image_number not in self._gone]
        if not new:
            return
        self._drop({row.image_number for row in new if row.image_number in self._rows})  # encoded anew
        vectors = np.frombuffer(b"".join(row.data for row in new), "float16").reshape(len(new), -1)
        self._reserve(self._used + len(new), vectors.shape[1])
        end = self._used + len(new)
        self._vectors[self._used:end] = vectors
        self._numbers[self._used:end] = [row.image_number for row in new]
        self._rows = self._rows | {row.image_number: self._used + i for i, row in enumerate(new)}
        self._used, self._seen_vector = end, new[-1].id

    def _reserve(self, count: int, width: int) -> None:
        """Grows by half at a time, so that adding one image is cheap."""
        if count <= len(self._numbers):
            return
        room = max(1024, count, len(self._numbers) * 3 // 2)
        numbers, vectors = np.empty(room, "int64"), np.empty((room, width), "float32")
        if self._used:
            numbers[:self._used], vectors[:self._used] = self._numbers[:self._used], self._vectors[:self._used]
        self._numbers, self._vectors = numbers, vectors

    def _let_go(self, session: Session) -> None:
        gone = session.connection().execute(GONE, {"seen": self._seen_deletion}).all()
        if gone:
            numbers = {row.image_number for row in gone}
            self._drop(numbers)
            self._gone |= numbers
            self._seen_deletion = gone[-1].id

    def _drop(self, numbers: set[int]) -> None:
        if not numbers:
            return
        keep = ~np.isin(self._numbers[:self._used], list(numbers))
        self._numbers, self._vectors = self._numbers[:self._used][keep], self._vectors[:self._used][keep]
        self._used = len(self._numbers)
        self._rows = {int(n): i for i, n in enumerate(self._numbers)}
