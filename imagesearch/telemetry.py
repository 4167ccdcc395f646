"""The service's figures, in Prometheus' default registry; `GET /metrics` shows them."""
from contextlib import AbstractContextManager

from prometheus_client import Counter, Gauge, Histogram

STAGE_SECONDS = Histogram(
    "imagesearch_stage_seconds", "Time of one stage of taking a picture in", ["stage"],
    buckets=(.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5))
REQUEST_SECONDS = Histogram(
    "imagesearch_request_seconds", "Time of a request", ["method", "route", "status"],
    buckets=(.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10))
UPLOADS = Counter("imagesearch_uploads_total", "Files taken in", ["outcome"])
IMAGES = Gauge("imagesearch_images", "Images stored")
VECTORS = Gauge("imagesearch_index_vectors", "Vectors in the similarity index")
PENDING = Gauge("imagesearch_pending", "Images that wait to be described")


def stage(name: str) -> AbstractContextManager[None]:
    """A context manager that times one stage."""
    return STAGE_SECONDS.labels(name).time()
