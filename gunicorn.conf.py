"""gunicorn's settings: one process with the models, many threads (the inference runtime releases the GIL)."""
import ctypes
import gc
import sys

from imagesearch.config import Settings
from imagesearch.web.listening import address
from imagesearch.web.logs import of_server
from imagesearch.web.server import WAITING

if sys.platform == "linux":  # glibc would give each of 72 threads an arena of its own: 18 MB more at the peak
    getattr(ctypes.CDLL(None), "mallopt", lambda *_: 0)(-8, 1)  # M_ARENA_MAX

settings = Settings.from_environment()
bind = address(settings)
worker_class = "imagesearch.web.server.Worker"  # gunicorn's gthread
workers = 1
threads = settings.threads + WAITING  # those that work have slots of their own, see imagesearch/web/slots.py
control_socket_disable = True  # it would lie in the user's home, one for all services of that user
timeout = 120  # seconds without a sign of life from the worker, not a limit of one request
graceful_timeout = 30  # SIGTERM: requests under way get this long
keepalive = 5
limit_request_line = 8190
logconfig_dict = of_server(settings.log_level)
accesslog = None  # the application logs its requests itself, with their ids


def post_fork(server, worker):
    """Before the application is imported: what that makes stays, and looking through it takes 0.25 s of a start."""
    gc.disable()


def post_worker_init(worker):
    """The application is there: start the background work and load the models, while /readyz says no."""
    gc.freeze()
    gc.enable()
    worker.wsgi.extensions["imagesearch"].start(then=settle)


def settle():
    """Models and indexes do not go away either; and a page of results makes hundreds of objects that die with it."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def worker_exit(server, worker):
    worker.wsgi.extensions["imagesearch"].stop()
