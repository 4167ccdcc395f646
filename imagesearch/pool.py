"""Work spread over threads, with little of it waiting and a clean end."""
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # items a thread that are handed out before it asks, so that none waits while their taker is busy


def spread(work: Callable[[Item], Result], items: Iterable[Item], jobs: int,
           stop: threading.Event | None = None) -> Iterator[Result]:
    """Results as they are ready, in no order. When `stop` is set nothing more is begun, and what has begun is ended.

    An exception of `work` ends it all and is raised here.
    """
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="spread")
    waiting: set[Future[Result]] = set()
    try:
        for item in items:
            if stop and stop.is_set():
                break
            waiting.add(pool.submit(work, item))
            if len(waiting) >= jobs * AHEAD:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while waiting:
            if stop and stop.is_set():
                waiting = {future for future in waiting if not future.cancel()}
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets; the second one interrupts at once."""
    stop = threading.Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, previous[signal.Signals(number)])

    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
