"""The service as it really runs: gunicorn in processes of its own."""
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import postgresql
from tests.captioning.pictures import quarters, saved

engine = postgresql.either
ROOT = Path(__file__).parents[3]
SMALL = saved(quarters(), "PNG")
MULTIPART = (b"POST /upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             b"Content-Type: multipart/form-data; boundary=b\r\n")
MERGE = b"PATCH /images/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """gunicorn on a data directory, in a session of its own so that a kill reaches all of its processes."""

    def __init__(self, folder: Path, **environ: str):
        self.port, self.log = free_port(), folder / f"log-{time.monotonic_ns()}"
        self.url = f"http://127.0.0.1:{self.port}"
        environ = {"DATA_DIR": str(folder / "data"), "PORT": str(self.port), "JOINT": "none", **environ}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "app:app"], cwd=ROOT, stdout=log,
                stderr=log, env=os.environ | environ, start_new_session=True)

    def ready(self) -> "Service":
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return self
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def send(self, picture: bytes, **options) -> httpx.Response:
        return httpx.post(f"{self.url}/upload", files={"image": ("photo.png", picture)}, timeout=30, **options)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30)

    def kill(self, sign: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, sign)

    def stop(self) -> None:
        """Returns once it is about it: a connection that it would have kept for more is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as kept, \
             contextlib.suppress(ConnectionError):
            assert b"Connection: keep-alive" in healthy(kept)
            self.process.terminate()
            while b"Connection: keep-alive" in healthy(kept):
                time.sleep(0.01)


def healthy(connection: socket.socket) -> bytes:
    """What it answers, asked for its health; nothing where it has closed the connection."""
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return connection.recv(65536)


@contextlib.contextmanager
def running(folder: Path, **environ: str) -> Iterator[Service]:
    service = Service(folder, **environ)
    try:
        yield service.ready()
    finally:
        service.kill(signal.SIGKILL)
        service.process.wait()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running(tmp_path_factory.mktemp("service")) as service:
        yield service


def raw(service: Service, request: bytes, answer: bool = True) -> bytes:
    """Bytes as they are, and what comes back."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(request)
        received = b""
        while answer and (more := connection.recv(65536)):
            received += more
    return received


def problem(received: bytes, status: int) -> dict:
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), received
    assert b"application/problem+json" in head
    return json.loads(body)


def test_what_was_acknowledged_survives_kill_9(tmp_path, database_url):
    with running(tmp_path, DATABASE_URL=database_url) as service:
        image = service.send(SMALL, data={"caption": "four squares"}).json()
        service.kill(signal.SIGKILL)
    with running(tmp_path, DATABASE_URL=database_url) as service:
        assert service.get(image["url"]).json() == image
        assert service.get(image["file_url"]).content == SMALL
        assert service.get("/search?q=squares").json()["results"][0]["image"] == image
        doctor = subprocess.run(
            [sys.executable, "-m", "imagesearch", "doctor"], cwd=ROOT, capture_output=True, text=True,
            env=os.environ | {"DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": database_url, "JOINT": "none"})
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr


@pytest.mark.parametrize("sign", [pytest.param(signal.SIGKILL, id="kill -9", marks=pytest.mark.slow),
                                  pytest.param(signal.SIGTERM, id="SIGTERM")])
def test_work_that_was_promised_survives(tmp_path, sign):
    pictures = [saved(quarters(64 + i), "PNG") for i in range(5)]
    with running(tmp_path) as service:
        answers = [service.send(picture, headers={"Prefer": "respond-async"}) for picture in pictures]
        service.kill(sign)
        assert service.process.wait(40) == (0 if sign == signal.SIGTERM else -sign)
    assert [answer.status_code for answer in answers] == [202] * 5
    with running(tmp_path) as service:
        deadline = time.monotonic() + 120  # what was at hand at the kill is claimed for half a minute
        while time.monotonic() < deadline:
            images = service.get("/images").json()["images"]
            if all(image["status"] == "ready" for image in images):
                break
            time.sleep(0.2)
    assert [(image["status"], image["caption_source"]) for image in images] == [("ready", "model")] * 5


def test_two_processes_on_one_folder_agree(tmp_path, database_url):
    at = {"DATABASE_URL": database_url}
    with running(tmp_path, **at) as one, running(tmp_path, **at) as other:
        image = one.send(SMALL, data={"caption": "four squares"}).json()
        near = one.send(saved(quarters(80, 60), "PNG"), data={"caption": "a pattern"}).json()
        assert other.get("/search?q=squares").json()["total"] == 1
        similar = other.get(f"{image['url']}/similar?min_score=0").json()["results"]
        assert [r["image"]["id"] for r in similar] == [near["id"]]
        assert other.send(SMALL).status_code == 200
        assert httpx.delete(other.url + near["url"]).status_code == 204
        assert one.get(near["url"]).status_code == 404
        assert one.get(f"{image['url']}/similar?min_score=0").json()["results"] == []


def test_a_stopping_service_finishes_what_it_has_begun(tmp_path, photo):
    with running(tmp_path) as service:
        body = (b'--b\r\nContent-Disposition: form-data; name="image"; filename="x.jpg"\r\n\r\n' + photo("rocket.jpg")
                + b"\r\n--b--\r\n")
        head = MULTIPART + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
            connection.sendall(head)
            assert connection.recv(65536).startswith(b"HTTP/1.1 100 Continue")  # it has begun
            connection.sendall(body[:1000])
            service.stop()
            connection.sendall(body[1000:])
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 201")
        assert service.process.wait(40) == 0


def test_beyond_this_machine_it_does_not_start_without_a_key(tmp_path):
    service = Service(tmp_path, HOST="0.0.0.0")
    assert service.process.wait(30) != 0
    assert "API_KEYS" in service.log.read_text()
    assert "`python -m imagesearch keys create NAME`" in service.log.read_text()


@pytest.mark.parametrize(("request_", "status"), [
    pytest.param(b"GET /search?q=" + b"a" * 2**20 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, id="a megabyte of q"),
    pytest.param(b"GET / HTTP/1.1\r\nX: " + b"a" * 2**17 + b"\r\n\r\n", 431, id="a header of 128 kB"),
    pytest.param(b"NONSENSE\r\n\r\n", 400, id="no HTTP"),
    pytest.param(MULTIPART + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n--b\r\n", 400, id="broken chunks"),
    pytest.param(MERGE + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n", 400, id="broken chunks of JSON"),
    pytest.param(MULTIPART + b"Content-Length: 999999999999\r\n\r\n", 413, id="a body announced too large"),
])
def test_what_is_hardly_http_gets_a_problem_too(service, request_, status):
    assert problem(raw(service, request_), status)["status"] == status
    assert service.get("/healthz").status_code == 200


def test_a_body_that_breaks_off_leaves_nothing(service):
    before = service.get("/images").json()["total"]
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    raw(service, MULTIPART + b"Content-Length: 5000\r\n\r\n" + part + SMALL, answer=False)
    assert service.get("/images").json()["total"] == before


def test_sixty_slow_clients_keep_nobody_out(service):
    heads = [b"GET /images HTTP/1.1\r\nHost: loc", MULTIPART + b"Content-Length: 5000\r\n\r\n--b\r\n"]
    clients: list[socket.socket] = []
    with contextlib.ExitStack() as stack:
        for i in range(60):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            client.sendall(heads[i % 2])
            clients.append(client)
        assert service.get("/healthz").status_code == 200  # connections are accepted in their order: after the sixty
        assert service.get("/images").status_code == 200
        assert select.select(clients, [], [], 0)[0] == []  # none had to be dropped for that, as all are in the end


def test_the_log_is_one_json_line_a_request(service):
    httpx.get(f"{service.url}/images?limit=1", headers={"X-Request-ID": "abc-123"})
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    line = next(line for line in lines if line.get("request_id") == "abc-123")
    assert (line["level"], line["message"], line["status"], line["route"]) == ("INFO", "GET /images", 200, "/images")
    assert line["ms"] > 0
