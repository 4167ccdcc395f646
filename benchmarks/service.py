"""The service as its users have it: gunicorn in a process of its own, spoken to over one HTTP connection."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


class Service:
    """Use it with `with`: it is ready at the start of the block and gone after it."""

    arguments: tuple[str, ...] = ("app:app",)  # gunicorn's

    def __init__(self, data_dir: Path) -> None:
        self.environment = os.environ | {"DATA_DIR": str(data_dir), "LOG_LEVEL": "WARNING"}
        self.port = _free_port()

    def __enter__(self) -> Self:
        environment = self.environment | {"HOST": "127.0.0.1", "PORT": str(self.port)}
        started = time.perf_counter()
        self.process = subprocess.Popen([BIN / "gunicorn", *self.arguments], cwd=ROOT, env=environment)
        self._await_ready(started + 60)
        self.ready_after = time.perf_counter() - started  # seconds from the start of the process
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        return self

    def __exit__(self, *exception: object) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.wait(40)

    def _await_ready(self, deadline: float) -> None:
        while time.perf_counter() < deadline and self.process.poll() is None:
            try:
                probe = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                probe.request("GET", "/readyz")
                if probe.getresponse().status == 200:
                    return
            except OSError:
                pass
            finally:
                probe.close()
            time.sleep(0.01)
        raise RuntimeError("the service did not become ready; its own output says why")

    def reconnect(self) -> None:
        """To be called after a pause: the service closes a connection that is idle for five seconds."""
        self.connection.close()
        self.get("/readyz")

    def get(self, path: str, **query: str) -> Any:
        return self._ask("GET", f"{path}?{urllib.parse.urlencode(query)}" if query else path)

    def upload(self, *photos: Path) -> Any:
        """POST photos without captions in one request; returns the image resource, or those of several."""
        edge = b"----benchmark"
        named = b'Content-Disposition: form-data; name="image"; filename="%s"\r\nContent-Type: image/jpeg\r\n'
        parts = [b"--%s\r\n%s\r\n%s\r\n" % (edge, named % photo.name.encode(), photo.read_bytes()) for photo in photos]
        body = b"".join([*parts, b"--%s--\r\n" % edge])
        return self._ask("POST", "/upload", body, {"Content-Type": f"multipart/form-data; boundary={edge.decode()}"})

    def post(self, path: str, said: dict[str, Any]) -> Any:
        return self._ask("POST", path, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def delete(self, path: str) -> Any:
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {text[:500]!r}")
        return json.loads(text)

    def peak_memory(self) -> float:
        """MB: the largest resident sets of gunicorn's master and of its workers, added; shared pages count twice."""
        family = [self.process.pid, *_children(self.process.pid)]
        return sum(_status(pid, "VmHWM") for pid in family) / 1024


def run_import(folder: Path, data_dir: Path) -> float:
    """Run the command line's import of a folder; returns the seconds it took, start of Python included."""
    environment = os.environ | {"DATA_DIR": str(data_dir), "LOG_LEVEL": "WARNING"}
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "imagesearch", "import", folder], cwd=ROOT, env=environment, check=True)
    return time.perf_counter() - started


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _status(pid: int, name: str) -> int:
    """A figure of /proc/PID/status, in kB."""
    found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0
