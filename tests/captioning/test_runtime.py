import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from captioning import runtime


@pytest.fixture(params=["LATENCY", "THROUGHPUT"])
def session(request):
    def build(ops, image):
        return ops.multiply(ops.convert(image, "f32"), ops.constant(np.float32(2)))

    return runtime.Session(runtime.graph(build, [1, 4, 4, 3], "double"), "f32", hint=request.param)


def picture(value):
    return np.full((1, 4, 4, 3), value, "uint8")


def test_answers_belong_to_the_caller(session):
    first = session(picture(1))[0]
    session(picture(9))
    assert (first == 2).all()


def test_threads_get_their_own_answers(session):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda value: session(picture(value))[0], range(200)))
    assert [answer[0, 0, 0, 0] for answer in answers] == [2.0 * value for value in range(200)]


def test_requests_are_used_again(session):
    for value in range(10):
        session(picture(value))
    assert len(session._idle) == 1


def test_a_request_survives_a_wrong_input(session):
    with pytest.raises(RuntimeError):
        session(np.zeros((1, 5, 5, 3), "uint8"))
    assert (session(picture(3))[0] == 6).all()


def test_precision_can_be_demanded(session):
    assert session.precision == "f32"


def test_the_runtime_reports_to_nobody(tmp_path):
    code = ("import sys; from captioning import runtime; import openvino, openvino.tools.ovc.convert_impl as ovc\n"
            "print(ovc.tm.__name__, sys.modules['openvino_telemetry'])")
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, "HOME": str(tmp_path)}, check=True,
                         capture_output=True, text=True)
    assert run.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "None"]
    assert not list(tmp_path.iterdir())
