"""Real servers on this machine, for what is fetched."""
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from imagesearch.addresses import Address, Network

Answer = bytes | tuple[int, dict[str, str], bytes] | Callable[["Asked"], None]


class Asked(BaseHTTPRequestHandler):
    site: "Site"

    def do_GET(self) -> None:
        self.site.asked.append(self)
        with self.site.counted():
            self._answer(self.site.answers.get(self.path.partition("?")[0], (404, {}, b"")))

    def _answer(self, answer: Answer) -> None:
        if callable(answer):
            return answer(self)
        status, headers, body = answer if isinstance(answer, tuple) else (200, {}, answer)
        self.send(status, {"Content-Length": str(len(body)), **headers}, body)

    def send(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Site:
    """Answers by path; what is asked is kept, in order, and how many were asked for at once."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.port = self.at_work = self.most = 0
        self._lock = threading.Lock()

    def __setitem__(self, path: str, answer: Answer) -> None:
        self.answers[path] = answer

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        try:
            yield
        finally:
            with self._lock:
                self.at_work -= 1

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # one that stalls holds nobody up

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what these tests are about."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    site = Site()
    with _Server(("127.0.0.1", 0), type("Here", (Asked,), {"site": site})) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        site.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        server.shutdown()
        thread.join()


class Switchboard(Network):
    """A small internet: names have the addresses given here, and every address leads to one site on this machine."""

    def __init__(self, names: dict[str, list[str]], port: int):
        self.names, self.port = names, port
        self.resolved: list[str] = []
        self.dialled: list[str] = []

    def resolve(self, host: str, port: int) -> list[Address]:
        self.resolved.append(host)
        return [Address(socket.AF_INET, (ip, port)) for ip in self.names[host]]

    def connect(self, address: Address, timeout: float) -> socket.socket:
        self.dialled.append(address.ip)
        return socket.create_connection(("127.0.0.1", self.port), timeout)
