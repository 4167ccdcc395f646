"""What a serving process does besides answering: load the models, describe what is pending, and stop in order."""
import logging
import threading
from collections.abc import Callable
from typing import cast

from flask import Flask, current_app

from imagesearch.bootstrap import Services
from imagesearch.errors import is_unavailable

RETRY_S = 1.0  # before a database that did not answer is asked again
log = logging.getLogger(__name__)


class Lifecycle:
    """`app.extensions["imagesearch"]`. `start` returns at once; until the models are warm `/readyz` says no."""

    def __init__(self, services: Services):
        self.services = services
        self.warm = False
        self._failure: str | None = None
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, then: Callable[[], object] = lambda: None) -> None:
        """Loads the models, calls `then` and starts the worker, in the background; once, however often it is called."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._warm_up, args=[then], name="warm-up", daemon=True)
                    self._thread.start()

    def stop(self, timeout: float = 10) -> None:
        """Waits for the picture at hand; what else is pending is found at the next start."""
        with self._lock:
            if self._thread is None:
                return
        self._stopped.set()
        self._thread.join(timeout)
        if self.warm:
            self.services.worker.stop(timeout)

    def wake(self) -> None:
        """An image is pending; a worker that has yet to start looks for itself."""
        if self.warm:
            self.services.worker.wake()

    def troubles(self) -> dict[str, str]:
        """What does not work just now, by part; empty when all is well."""
        models = {} if self.warm else {"models": self._failure or "still loading; this takes a second or two"}
        return models | self.services.troubles()

    def _warm_up(self, then: Callable[[], object]) -> None:
        try:
            while not self._is_warmed_up():
                if self._stopped.wait(RETRY_S):
                    return
            then()
            self.services.worker.start()
            self.warm = True
        except Exception as error:  # missing or damaged weights: /readyz tells, and what needs no model still works
            self._failure = str(error)
            log.exception("the models cannot be loaded")

    def _is_warmed_up(self) -> bool:
        """No where the database does not answer just now."""
        try:
            self.services.warm()
            return True
        except Exception as error:
            if not is_unavailable(error):
                raise
            self._failure = str(error)
            log.warning("the database does not answer, trying again: %s", error)
            return False


def lifecycle() -> Lifecycle:
    """Of the application that serves this request."""
    return cast(Lifecycle, current_app.extensions["imagesearch"])


def services() -> Services:
    return lifecycle().services


def init_app(app: Flask, services: Services) -> None:
    """Under `flask run` no one calls `start` before the first request does."""
    life = app.extensions["imagesearch"] = Lifecycle(services)
    app.before_request(lambda: life.start())
