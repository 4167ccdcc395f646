"""One JSON line a request, with its id, time and size; and the figures that `/metrics` shows."""
import logging
import re
import sys
from time import perf_counter
from typing import Any
from uuid import uuid4

from flask import Flask, Response, g, has_request_context, request
from pythonjsonlogger.json import JsonFormatter

from imagesearch.telemetry import REQUEST_SECONDS

log = logging.getLogger("imagesearch.requests")
METHODS = {"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PUT"}
QUIET = {"/healthz", "/readyz", "/metrics"}  # asked every few seconds by machines
_PLAIN_ID = re.compile(r"[\w.:+/=-]{1,128}", re.ASCII)


def init_app(app: Flask) -> None:
    configure(app.config["LOG_LEVEL"])
    app.before_request(_begin)
    app.after_request(_end)


def configure(level: str) -> None:
    """The service's own loggers write JSON to stderr; libraries from WARNING on."""
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter())
        handler.addFilter(_with_request_id)
        root.addHandler(handler)
    for name in ("imagesearch", "captioning"):
        logging.getLogger(name).setLevel(level)


def formatter() -> JsonFormatter:
    return JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z",
                         rename_fields={"asctime": "time", "levelname": "level", "name": "logger"})


def of_server(level: str) -> dict[str, Any]:
    """gunicorn's own lines in the same form: its setting `logconfig_dict`."""
    return {"version": 1, "disable_existing_loggers": False, "formatters": {"json": {"()": formatter}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": [], "level": "WARNING"},
            "loggers": {"gunicorn.error": {"level": level, "handlers": ["stderr"], "propagate": False}}}


def _with_request_id(record: logging.LogRecord) -> bool:
    if has_request_context() and "request_id" in g:
        record.request_id = g.request_id
    return True


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.started = perf_counter()
    g.request_id = given if _PLAIN_ID.fullmatch(given) else uuid4().hex


def _end(response: Response) -> Response:
    """Every request passes here, refused ones too."""
    seconds = perf_counter() - g.started
    response.headers["X-Request-ID"] = g.request_id
    route = request.url_rule.rule if request.url_rule else "none"
    method = request.method if request.method in METHODS else "other"  # whatever a client invents is one row
    REQUEST_SECONDS.labels(method, route, response.status_code).observe(seconds)
    log.log(logging.DEBUG if request.path in QUIET else logging.INFO, "%s %s", method, request.path[:500], extra={
        "status": response.status_code, "ms": round(seconds * 1000, 2), "route": route,
        "bytes": response.content_length, "client": request.remote_addr})
    return response
