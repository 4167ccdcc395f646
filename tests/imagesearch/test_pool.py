"""Work spread over threads: what is asked to stop begins nothing more."""
import threading
from concurrent.futures import wait

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


def test_of_the_last_that_wait_none_is_begun_either(monkeypatch):
    stop, second, left = threading.Event(), threading.Event(), threading.Event()
    begun = []

    def work(x):
        begun.append(x)
        if x == 0:
            assert second.wait(60)
        else:  # goes on until what waits was taken back
            second.set()
            assert left.wait(60)

    def wait_for_the_begun(*args, **options):
        if stop.is_set():
            left.set()
        return wait(*args, **options)

    monkeypatch.setattr("imagesearch.pool.wait", wait_for_the_begun)
    for _ in spread(work, range(4), jobs=2, stop=stop):
        stop.set()
    assert {0, 1} <= set(begun) <= {0, 1, 2}  # the thread of 0 is free, and may have begun 2 before the stop


def test_an_exception_of_the_work_ends_it_all():
    with pytest.raises(ZeroDivisionError):
        list(spread(lambda x: 1 // x, range(3, -100, -1), jobs=2))
