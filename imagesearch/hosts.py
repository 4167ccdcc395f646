"""Manners towards other people's servers: few connections at once, patience where they ask for it, no insisting."""
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TypeVar

from imagesearch.errors import ServiceError

Result = TypeVar("Result")
AGAIN = "run the same command again later"


class Unfetched(ServiceError):
    """The other side did not give it."""


class Silent(Unfetched):
    """It did not even answer, or would not for now."""


class Stopped(ServiceError):
    """Whoever started it wants it to end."""


class Busy(Exception):
    """A host asks to come back later, by its status and perhaps a Retry-After."""

    def __init__(self, host: str, status: str, retry_after: str | None):
        super().__init__(status)
        self.host, self.status, self.seconds = host, status, seconds(retry_after)


@dataclass(frozen=True)
class Manners:
    per_host: int = 2  # connections at once; browsers open six
    tries: int = 3
    patience_s: float = 60  # the longest Retry-After that is waited for
    failures: int = 5  # in a row, after which a host is left alone: a dead one would cost 10 s for each of its URLs


@dataclass
class _Host:
    seats: threading.Semaphore
    awake: float = 0  # when it may be asked again, on the monotonic clock
    failures: int = 0  # since it last answered


class Hosts:
    """Shared by all threads that fetch; `stop` ends every waiting with Stopped."""

    def __init__(self, manners: Manners, stop: threading.Event):
        self.manners, self.stop = manners, stop
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def patiently(self, work: Callable[[], Result]) -> Result:
        """Does it again when the host was busy, after as long as it says, or else 1, 2, 4 seconds. Raises Silent."""
        for attempt in range(self.manners.tries):
            try:
                return work()
            except Busy as busy:
                last = busy
                host = self._host(busy.host)
                rest = 2**attempt if busy.seconds is None else busy.seconds
                host.awake = max(host.awake, monotonic() + rest)
        host.failures += 1
        raise Silent(f"answered {last.status} {self.manners.tries} times; {AGAIN}")

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """One of the host's few seats, once it may be asked. Raises Silent where that is not soon, and Stopped."""
        host = self._host(name)
        while not host.seats.acquire(timeout=0.2):
            self.go_on()
        try:
            self._wait(name, host)
            with _counted(host):
                yield
        finally:
            host.seats.release()

    def go_on(self) -> None:
        """Raises Stopped once it is time."""
        if self.stop.is_set():
            raise Stopped("stopped before it was fetched")

    def _host(self, name: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(name, _Host(threading.Semaphore(self.manners.per_host)))

    def _wait(self, name: str, host: _Host) -> None:
        if host.failures >= self.manners.failures:
            raise Silent(f"{name} has failed {host.failures} times in a row and is left alone: {AGAIN}")
        wait = host.awake - monotonic()
        if wait > self.manners.patience_s:
            raise Silent(f"{name} asks to be left alone for another {wait:,.0f} s; at most "
                         f"{self.manners.patience_s:,.0f} s are waited: {AGAIN}")
        if wait > 0:
            self.stop.wait(wait)
        self.go_on()


@contextmanager
def _counted(host: _Host) -> Iterator[None]:
    """Its failures in a row; an answer that is not what was wanted is none."""
    try:
        yield
    except Silent:
        host.failures += 1
        raise
    except Busy:
        raise  # counted when it stays so
    except ServiceError:
        host.failures = 0
        raise
    host.failures = 0


def seconds(retry_after: str | None) -> float | None:
    """Of a Retry-After, a number of seconds or a date (RFC 9110, 10.2.3); None for neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None
