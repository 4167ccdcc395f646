"""Work spread over threads: what is asked to stop begins nothing more."""
import threading
import time

import pytest

from imagesearch.pool import spread


def test_every_result_comes_once():
    assert sorted(spread(lambda x: x * x, range(100), jobs=3)) == [x * x for x in range(100)]


def test_what_was_begun_ends_and_what_waits_is_left_when_asked_to_stop():
    stop, begun = threading.Event(), []

    def work(x):
        begun.append(x)
        return x

    found = []
    for x in spread(work, range(100), jobs=1, stop=stop):
        stop.set()
        found.append(x)
    assert sorted(found) == begun
    assert len(begun) < 10


def test_of_the_last_that_wait_none_is_begun_either():
    stop, begun = threading.Event(), []

    def work(x):
        begun.append(x)
        if x:  # all but the first go on until nothing more may be begun
            stop.wait(5)
            time.sleep(0.5)

    for _ in spread(work, range(4), jobs=2, stop=stop):
        stop.set()
    assert {0, 1} <= set(begun) <= {0, 1, 2}


def test_an_exception_of_the_work_ends_it_all():
    with pytest.raises(ZeroDivisionError):
        list(spread(lambda x: 1 // x, range(3, -100, -1), jobs=2))
