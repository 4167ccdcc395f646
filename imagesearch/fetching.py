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
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead, RemoteDisconnected
from time import monotonic
from typing import Any, cast
from urllib.parse import urljoin

from imagesearch.addresses import Network, Refused, Target, objection, reach
from imagesearch.errors import ServiceError, TooLarge
from imagesearch.hosts import Busy, Hosts, Manners, Silent, Unfetched

USER_AGENT = "imagesearch/0.1 (a self-hosted photo library, collecting at its owner's request)"
PICTURES = "image/*,*/*;q=0.5"
PIECE = 2**16
REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (429, 503)  # Too Many Requests, Service Unavailable: the two that come with Retry-After


@dataclass(frozen=True)
class Limits:
    bytes: int
    connect_s: float = 10  # for the connection, and again for the TLS handshake
    silence_s: float = 20  # without a byte
    whole_s: float = 120  # all requests of one URL together, its redirects among them; not its waiting for a turn
    redirects: int = 5


class Fetcher:
    """Fetches from several threads: few connections to one host, and none while it has asked for patience.

    :param private: this machine and its own network are asked too, though not where a public server redirects to them
    :param stop: once it is set, everything ends with Stopped
    """

    def __init__(self, limits: Limits, private: bool = False, stop: threading.Event | None = None,
                 manners: Manners = Manners(), network: Network | None = None, tls: ssl.SSLContext | None = None):
        self.limits, self.private, self.hosts = limits, private, Hosts(manners, stop or threading.Event())
        self.network, self.tls = network or Network(), tls or ssl.create_default_context()

    def get(self, url: str, accept: str = PICTURES, headers: Mapping[str, str] | None = None) -> bytes:
        """The bytes behind a URL; `headers` go to its own host only, not where it redirects to.

        Raises Refused, Unfetched, TooLarge and Stopped, with the values measured and the limits.
        """
        target = Target.of(url)
        return self.hosts.patiently(lambda: self._follow(target, accept, headers or {}))

    # ---- one request after another -------------------------------------------------------------------

    def _follow(self, start: Target, accept: str, headers: Mapping[str, str]) -> bytes:
        target, private, left, way = start, self.private, self.limits.whole_s, ""
        for _ in range(self.limits.redirects + 1):
            with _told(way), self.hosts.turn(target.host):
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
            line = _Line(pipe, self.limits.silence_s, deadline, self.hosts.go_on)
            with closing(self._spoken(target, line)) as connection:
                connection.request("GET", target.path, headers={
                    **headers, "User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close"})
                with closing(connection.getresponse()) as answer:
                    if answer.status in REDIRECTS and (place := answer.headers["Location"]):
                        return _joined(target.url, place), public
                    return self._taken(target, answer), public

    def _connected(self, target: Target, private: bool, deadline: float) -> tuple[socket.socket, bool]:
        """A connection to an address that may be asked; and whether it is a public one."""
        try:
            addresses = self.network.resolve(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise Silent(f"the host {target.host} is not known: {_why(error)}") from error
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
        raise Silent(f"{target.authority} cannot be connected to: {_why(trouble)}") from trouble

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
            raise Busy(target.host, status, answer.headers["Retry-After"])
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

    @contextmanager
    def _troubles(self) -> Iterator[None]:
        """Whatever goes wrong once connected, in words."""
        try:
            yield
        except TimeoutError as error:
            raise Silent(f"took too long: at most {self.limits.silence_s:g} s without a byte are waited, and "
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


def _joined(url: str, place: str) -> str:
    """Where a Location leads to; some servers write it in UTF-8, which `http.client` takes for Latin-1."""
    try:
        return urljoin(url, place.encode("latin-1").decode())
    except UnicodeError:
        return urljoin(url, place)
    except ValueError:  # no URL, and refused as such
        return place


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
