"""One URL → its bytes: only from addresses that may be asked, and within limits of size and time.

Built on `http.client`, because what matters here is one assignment there: a connection gets the very socket whose
address was checked (`connection.sock`), so nothing can change between the check and the connection. urllib3 and httpx
look names up below their surface, and neither of them limits the whole time of a request. Connections are direct:
behind a proxy nobody would know which address is asked in the end.
"""
import io
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead, RemoteDisconnected
from time import monotonic
from typing import Any, cast
from urllib.parse import urljoin

from imagesearch.addresses import Network, Refused, Target, objection, reach
from imagesearch.errors import ServiceError, TooLarge

USER_AGENT = "imagesearch/0.1 (a self-hosted photo library, collecting at its owner's request)"
PICTURES = "image/*,*/*;q=0.5"
PIECE = 2**16
REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (429, 503)  # Too Many Requests, Service Unavailable: the two that come with Retry-After


class Unfetched(ServiceError):
    """The other side did not give it."""


class Stopped(ServiceError):
    """Whoever started it wants it to end."""


class _Busy(Exception):
    """A host asks to come back later, in so many seconds where it says when."""

    def __init__(self, host: str, status: str, seconds: float | None):
        super().__init__(status)
        self.host, self.status, self.seconds = host, status, seconds


@dataclass(frozen=True)
class Limits:
    bytes: int
    connect_s: float = 10  # for the connection, and again for the TLS handshake
    silence_s: float = 20  # without a byte
    whole_s: float = 120  # all requests of one URL together, its redirects among them; not its waiting for a turn
    redirects: int = 5
    tries: int = 3
    patience_s: float = 60  # the longest Retry-After that is waited for
    per_host: int = 2  # connections at once; browsers open six


@dataclass
class _Host:
    seats: threading.Semaphore
    awake: float = 0  # when it may be asked again, on the monotonic clock


class Fetcher:
    """Fetches from several threads: few connections to one host, and none while it has asked for patience.

    :param private: this machine and its own network are asked too, though not where a public server redirects to them
    :param stop: once it is set, everything ends with Stopped
    """

    def __init__(self, limits: Limits, private: bool = False, stop: threading.Event | None = None,
                 network: Network | None = None, tls: ssl.SSLContext | None = None):
        self.limits, self.private, self.stop = limits, private, stop or threading.Event()
        self.network, self.tls = network or Network(), tls or ssl.create_default_context()
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def get(self, url: str, accept: str = PICTURES, headers: Mapping[str, str] | None = None) -> bytes:
        """The bytes behind a URL; `headers` go to its own host only, not where it redirects to.

        Raises Refused, Unfetched, TooLarge and Stopped, with the values measured and the limits.
        """
        target, status = Target.of(url), ""
        for attempt in range(self.limits.tries):
            try:
                return self._follow(target, accept, headers or {})
            except _Busy as busy:
                status = busy.status
                self._rest(busy, attempt)
        raise Unfetched(f"answered {status} {self.limits.tries} times; run the same command again later")

    # ---- one request after another -------------------------------------------------------------------

    def _follow(self, start: Target, accept: str, headers: Mapping[str, str]) -> bytes:
        target, private, left, way = start, self.private, self.limits.whole_s, ""
        for _ in range(self.limits.redirects + 1):
            with _told(way), self._turn(target.host):
                began = monotonic()
                said = {"Accept": accept, **(headers if target.origin == start.origin else {})}
                found, public = self._ask(target, private, said, began + left)
            if isinstance(found, bytes):
                return found
            private, left = private and not public, left - (monotonic() - began)
            way = f"redirects to {_plain(found)}: "
            with _told(way):
                target = Target.of(found)
        raise Unfetched(f"redirects more than {self.limits.redirects} times, at last to {_plain(target.url)}")

    def _ask(self, target: Target, private: bool, headers: Mapping[str, str],
             deadline: float) -> tuple[bytes | str, bool]:
        """The bytes, or where it redirects to; and whether it was a public server that said so."""
        pipe, public = self._connected(target, private, deadline)
        with closing(pipe), self._troubles():
            line = _Line(pipe, self.limits.silence_s, deadline, self._go_on)
            with closing(self._spoken(target, line)) as connection:
                connection.request("GET", target.path, headers={
                    **headers, "User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close"})
                with closing(connection.getresponse()) as answer:
                    if answer.status in REDIRECTS and (place := answer.headers["Location"]):
                        return urljoin(target.url, place), public
                    return self._taken(target, answer), public

    def _connected(self, target: Target, private: bool, deadline: float) -> tuple[socket.socket, bool]:
        """A connection to an address that may be asked; and whether it is a public one."""
        try:
            addresses = self.network.resolve(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise Unfetched(f"the host {target.host} is not known: {_why(error)}") from error
        wanted = ("public", "own") if private else ("public",)
        allowed = [address for address in addresses if reach(address.ip) in wanted]
        if not allowed:
            raise Refused(objection(target.host, [address.ip for address in addresses], self.private))
        trouble: OSError | None = None
        for address in allowed:
            left = min(self.limits.connect_s, deadline - monotonic())
            try:
                return self._sealed(self.network.connect(address, max(left, 0.001)), target), reach(
                    address.ip) == "public"
            except OSError as error:
                trouble = error
        raise Unfetched(f"{target.authority} cannot be connected to: {_why(trouble)}") from trouble

    def _sealed(self, pipe: socket.socket, target: Target) -> socket.socket:
        """With TLS where the URL wants it: the certificate must be the host's, whatever its address."""
        if target.scheme == "http":
            return pipe
        try:
            return self.tls.wrap_socket(pipe, server_hostname=target.host)
        except BaseException:
            pipe.close()
            raise

    def _spoken(self, target: Target, line: "_Line") -> HTTPConnection:
        connection = (HTTPConnection(target.host, target.port) if target.scheme == "http" else
                      HTTPSConnection(target.host, target.port, context=self.tls))
        connection.sock = cast(socket.socket, line)  # so it is connected, and looks no name up again
        return connection

    def _taken(self, target: Target, answer: HTTPResponse) -> bytes:
        status = _plain(f"{answer.status} {answer.reason}").strip()
        if answer.status in BUSY:
            raise _Busy(target.host, status, _seconds(answer.headers["Retry-After"]))
        if answer.status != 200:
            raise Unfetched(f"answered {status}")
        if (coding := answer.headers.get("Content-Encoding", "identity").lower()) != "identity":
            raise Unfetched(f"answered in {coding[:20]!r}, though asked not to compress")
        return self._body(answer, answer.length)

    def _body(self, answer: HTTPResponse, announced: int | None) -> bytes:
        most = self.limits.bytes
        if announced is not None and announced > most:
            raise TooLarge(f"is announced with {announced:,} bytes; at most {most:,} are taken")
        body = bytearray()
        while piece := answer.read(PIECE):
            body += piece
            if len(body) > most:
                raise TooLarge(f"goes on after {most:,} bytes, the most that are taken")
        if announced is not None and len(body) < announced:
            raise Unfetched(f"broke off after {len(body):,} of {announced:,} bytes")
        return bytes(body)

    # ---- politeness ----------------------------------------------------------------------------------

    @contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        """One of the host's few seats, once it may be asked."""
        with self._lock:
            host = self._hosts.setdefault(name, _Host(threading.Semaphore(self.limits.per_host)))
        while not host.seats.acquire(timeout=0.2):
            self._go_on()
        try:
            wait = host.awake - monotonic()
            if wait > self.limits.patience_s:
                raise Unfetched(f"{name} asks to be left alone for another {wait:,.0f} s; at most "
                                f"{self.limits.patience_s:,.0f} s are waited: run the same command again later")
            if wait > 0:
                self.stop.wait(wait)
            self._go_on()
            yield
        finally:
            host.seats.release()

    def _rest(self, busy: _Busy, attempt: int) -> None:
        """Leaves the host alone for as long as it says, or else 1, 2, 4 seconds."""
        host = self._hosts[busy.host]
        host.awake = max(host.awake, monotonic() + (2**attempt if busy.seconds is None else busy.seconds))

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped("stopped before it was fetched")

    @contextmanager
    def _troubles(self) -> Iterator[None]:
        """Whatever goes wrong once connected, in words."""
        try:
            yield
        except TimeoutError as error:
            raise Unfetched(f"took too long: at most {self.limits.silence_s:g} s without a byte are waited, and "
                            f"{self.limits.whole_s:g} s in all") from error
        except (RemoteDisconnected, IncompleteRead) as error:
            raise Unfetched("broke off before the end") from error
        except HTTPException as error:
            raise Unfetched(f"answered with what is not HTTP: {type(error).__name__} {str(error)[:100]!r}") from error
        except OSError as error:
            raise Unfetched(f"broke off: {_why(error)}") from error


class _Line:
    """A socket as `http.client` uses it, whose every read has what is left of two limits: a silence and the whole."""

    def __init__(self, pipe: socket.socket, silence_s: float, deadline: float, go_on: Callable[[], None]):
        self._pipe, self._silence_s, self._deadline, self._go_on = pipe, silence_s, deadline, go_on
        self.sendall, self.close = pipe.sendall, pipe.close

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reads(self, cast(io.RawIOBase, self._pipe.makefile("rb", buffering=0))))

    def limit(self) -> None:
        """Raises TimeoutError when nothing is left."""
        self._go_on()
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the whole time is over")
        self._pipe.settimeout(min(self._silence_s, left))


class _Reads(io.RawIOBase):
    def __init__(self, line: _Line, raw: io.RawIOBase):
        self._line, self._raw = line, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._line.limit()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


@contextmanager
def _told(way: str) -> Iterator[None]:
    """Says where the trouble was, if not at the URL that was asked for."""
    try:
        yield
    except ServiceError as error:
        raise type(error)(way + str(error)) from error


def _plain(text: str) -> str:
    """A stranger's words as a terminal may show them."""
    return "".join(c if c.isprintable() else "?" for c in text[:200])


def _why(error: BaseException | None) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    return _plain(str(getattr(error, "verify_message", "") or getattr(error, "strerror", "") or error))


def _seconds(retry_after: str | None) -> float | None:
    """Of a Retry-After, a number of seconds or a date (RFC 9110, 10.2.3); None for neither."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
