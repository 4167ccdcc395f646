"""Describing what was uploaded with `Prefer: respond-async`: the rows that are pending are the queue."""
import logging
import threading
from datetime import timedelta

from sqlalchemy import or_, select, update

from imagesearch.db import Image, now
from imagesearch.errors import NotFound, ServiceError, is_full_disk, is_unavailable
from imagesearch.library import Library

# After that another process may take over what one has claimed, or the same one after a kill -9. A description takes a
# second; if two processes ever make the same one, the second finds the image ready and leaves it.
CLAIM = timedelta(seconds=30)
MOST_ATTEMPTS = 3
log = logging.getLogger(__name__)


class Worker:
    """A thread that looks for pending pictures; any number of processes may have one."""

    def __init__(self, library: Library, interval: float = 1.0):
        self.library, self.interval = library, interval
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="describe-pending", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to do now."""
        self._wake.set()

    def stop(self, timeout: float = 10) -> None:
        """Finishes the picture at hand; what else waits is found at the next start."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def step(self) -> bool:
        """Describes the oldest picture that waits; False when none does."""
        image = self._claim()
        if image is None:
            return False
        try:
            self.library.complete(image)
        except NotFound:
            log.info("deleted before it was described", extra={"image": image.id})
        except ServiceError as error:
            log.warning("cannot be described: %s", error, extra={"image": image.id})
            self._fail(image.number)
        except Exception as error:
            if is_unavailable(error) or is_full_disk(error):  # not the picture's fault
                self._give_back(image.number)
            raise
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                busy = self.step()
            except Exception:  # the picture stays pending, and is tried again when its claim has run out
                log.exception("describing a pending picture failed")
                busy = False
            if not busy:
                self._wake.wait(self.interval)
                self._wake.clear()

    def _claim(self) -> Image | None:
        free = or_(Image.claimed_until.is_(None), Image.claimed_until < now())
        waiting = select(Image.number).where(Image.status == "pending", free).order_by(Image.number).limit(1)
        with self.library.database.read() as session:
            if session.scalar(waiting) is None:  # without the write lock: this is asked every second
                return None
        with self.library.database.write() as session:
            session.execute(update(Image).values(status="failed", version=Image.version + 1).where(
                Image.status == "pending", free, Image.attempts >= MOST_ATTEMPTS))  # whoever tried died of it
            number = session.scalar(waiting)
            if number is None:
                return None
            image = session.get_one(Image, number)
            image.claimed_until, image.attempts = now() + CLAIM, image.attempts + 1
        return image

    def _give_back(self, number: int) -> None:
        """The attempt does not count. The claim stays, so that the others get their turn."""
        with self.library.database.write() as session:
            session.execute(update(Image).where(Image.number == number)
                            .values(attempts=Image.attempts - 1))

    def _fail(self, number: int) -> None:
        with self.library.database.write() as session:
            session.execute(update(Image).where(Image.number == number)
                            .values(status="failed", claimed_until=None, version=Image.version + 1, updated_at=now()))
