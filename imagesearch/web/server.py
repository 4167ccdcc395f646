"""gunicorn's threaded worker, proof against slow clients and with the service's own form of errors."""
import json
import logging
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, UnsupportedTransferCoding
from gunicorn.workers.gthread import ThreadWorker

from imagesearch.web.slots import PacedSocket, TooSlow

log = logging.getLogger(__name__)

WAITING = 64  # threads beside those that work, for clients that send or take their bytes slowly
LINGER = 2.0, 8 * 2**20  # seconds and bytes of a refused request that are still read, so that its answer arrives
STATUSES = {
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class Worker(ThreadWorker):
    """What never becomes a request of the application is answered here."""

    def handle(self, conn: Any) -> Any:
        if not isinstance(conn.sock, PacedSocket):
            conn.sock = PacedSocket(conn.sock)
        conn.sock.begin()
        kept = super().handle(conn)
        if kept is False:
            self._close(conn)
        return kept

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """A request that HTTP's grammar or a limit of the server's forbids."""
        status = next((s for kind, s in STATUSES.items() if isinstance(exc, kind)), HTTPStatus.BAD_REQUEST)
        log.warning("refused before it was a request: %s", exc)
        body = json.dumps({"type": "about:blank", "title": status.phrase, "status": status, "detail": str(exc)[:300],
                           "errors": [], "request_id": None}).encode()
        head = (f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/problem+json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n")
        try:
            client.sendall(head.encode() + body)
        except OSError:  # it is gone
            log.debug("nobody there to hear it")

    def _close(self, conn: Any) -> None:
        """In this thread: gunicorn would do it in the one that accepts, and hold up everybody for two seconds."""
        conn.sock.setblocking(True)
        util.close_graceful(conn.sock, *LINGER)
        conn.close = lambda graceful=False: None
