"""How many requests work at once. One that waits for its client does not count, and waits only so long: sixty clients
that send a byte a second keep nobody else out."""
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import Any, cast

from flask import Flask, current_app, g, request
from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout

from imagesearch.errors import is_full_disk

PATIENCE = 20  # seconds that a request's bytes may be waited for, all in all
SLOWEST = 20_000  # bytes a second earn more time; a phone with one bar sends more
STALLED = 60  # seconds without a client taking any of its answer
FREE = {"/healthz"}  # answered whatever the others are doing


class TooSlow(Exception):
    """A client sends less than `SLOWEST`."""


class PacedSocket:
    """A client's socket that loses patience. The server takes it for a socket."""

    def __init__(self, client: socket):
        self._client = client
        self.begin()

    def begin(self) -> None:
        """A new request; only the time spent in `recv` counts."""
        self._waited, self._bytes = 0.0, 0

    def recv(self, size: int) -> bytes:
        """Raises TooSlow."""
        left = PATIENCE + self._bytes / SLOWEST - self._waited
        began = time.monotonic()
        try:
            self._client.settimeout(max(left, 0.001))
            data = self._client.recv(size)
        except TimeoutError:
            raise TooSlow(f"{self._bytes:,} bytes came in {self._waited + max(left, 0):.0f} seconds; send at least "
                          f"{SLOWEST:,} a second") from None
        finally:
            self._waited += time.monotonic() - began
            self._client.settimeout(STALLED)
        self._bytes += len(data)
        return data

    def setblocking(self, blocking: bool) -> None:
        self._client.settimeout(STALLED if blocking else 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Slots:
    """A request takes a slot before it works, and leaves it while its body is on the way."""

    def __init__(self, count: int):
        self._free = threading.Semaphore(count)

    def take(self) -> None:
        if request.path not in FREE:
            self._free.acquire()
            g.holds_slot = True

    def leave(self, _: BaseException | None = None) -> None:
        if g.pop("holds_slot", False):
            self._free.release()


@contextmanager
def waiting_for_the_client() -> Iterator[None]:
    """Around whatever reads the request's body. Raises BadRequest where it breaks off or its chunks or parts do not
    hold together, RequestTimeout where it comes too slowly, and OSError where the disk is full."""
    slots = cast(Slots, current_app.extensions["slots"])
    slots.leave()
    try:
        yield
    except HTTPException:
        raise
    except TooSlow as error:
        raise RequestTimeout(str(error)) from error
    except Exception as error:  # the server's own exceptions for broken chunks have no common base
        if is_full_disk(error):
            raise
        raise BadRequest(f"the body cannot be read: {str(error)[:200]}") from error
    finally:
        slots.take()


def init_app(app: Flask, count: int) -> None:
    slots = app.extensions["slots"] = Slots(count)
    app.before_request(slots.take)
    app.teardown_request(slots.leave)
