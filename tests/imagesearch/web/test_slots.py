"""Slow clients wait at the door, not at the counter."""
import contextlib
import io
import socket
import threading
import time
from dataclasses import replace

import pytest

from imagesearch.web import slots
from imagesearch.web.multipart import CappedFile
from imagesearch.web.slots import PacedSocket, TooSlow
from tests.captioning.pictures import quarters, saved
from tests.conftest import serving
from tests.imagesearch.web.asking import form, part, send

SMALL = saved(quarters(), "PNG")


@pytest.fixture
def pair(monkeypatch):
    monkeypatch.setattr(slots, "PATIENCE", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield PacedSocket(ours), theirs


def test_a_silent_client_is_given_up(pair):
    began = time.monotonic()
    with pytest.raises(TooSlow, match="20,000"):
        pair[0].recv(10)
    assert time.monotonic() - began > 0.15


def test_a_byte_now_and_then_earns_no_time(pair):
    client, theirs = pair

    def drip():
        with contextlib.suppress(OSError):
            while theirs.send(b"x"):
                time.sleep(0.05)

    threading.Thread(target=drip, daemon=True).start()
    with pytest.raises(TooSlow):
        list(iter(lambda: client.recv(1), b""))


def test_what_has_come_fast_earns_time_for_the_rest(pair):
    client, theirs = pair
    theirs.send(bytes(100_000))  # five seconds' worth
    received = 0
    while received < 100_000:
        received += len(client.recv(65536))
    threading.Timer(0.4, theirs.send, [b"x"]).start()
    assert client.recv(1) == b"x"


class Gate(io.BytesIO):
    """A body that does not come until it is let in."""

    def __init__(self, body):
        super().__init__(body)
        self.open, self.reached = threading.Event(), threading.Event()

    def readinto(self, buffer):
        self.reached.set()
        assert self.open.wait(20)
        return super().readinto(buffer)


def test_a_disk_that_is_full_while_a_body_comes_is_not_the_client_s_fault(settings, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(CappedFile, "write", full)
    with serving(settings) as app:
        assert send(app.test_client(), SMALL).status_code == 507


def test_a_request_that_waits_for_its_body_leaves_its_slot_to_others(settings):
    with serving(replace(settings, threads=1)) as app:
        request = form({"image": part(SMALL), "caption": "squares"})
        gate, answers = Gate(request["data"]), []
        waiting = threading.Thread(target=lambda: answers.append(app.test_client().post(
            "/upload", input_stream=gate, content_type=request["content_type"])))
        waiting.start()
        assert gate.reached.wait(20)
        assert send(app.test_client(), SMALL, caption="squares").status_code == 201
        gate.open.set()
        waiting.join(20)
        assert answers[0].status_code == 200
