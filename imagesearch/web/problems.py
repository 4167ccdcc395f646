"""Errors as HTTP: the one file that knows both. All are RFC 9457 `application/problem+json`."""
import json
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from flask import Response, g, render_template, request
from flask_openapi3 import OpenAPI
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from captioning import images, registry
from imagesearch import errors
from imagesearch.web.schemas import FieldError, Problem

log = logging.getLogger(__name__)

STATUSES: dict[type[Exception], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnsupportedImage: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.DamagedImage: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Changed: HTTPStatus.PRECONDITION_FAILED,
    errors.ModelMissing: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BadSetting: HTTPStatus.SERVICE_UNAVAILABLE,
    images.ImageError: HTTPStatus.UNPROCESSABLE_ENTITY,  # a stored picture over a limit that was lowered since
    registry.ModelMissing: HTTPStatus.SERVICE_UNAVAILABLE,
    registry.ModelDamaged: HTTPStatus.SERVICE_UNAVAILABLE,
}
KINDS = ("application/problem+json", "application/json", "text/html")
AT_FAULT = {408: "body", 413: "body", 415: "Content-Type", 416: "Range"}  # the part of the request, by status
PRECONDITIONS = {"If-Match", "If-Unmodified-Since"}
LONGEST_VALUE = 60  # characters of a wrong value that are shown to whoever sent it


def problem(status: int, detail: str, fields: Sequence[FieldError] = ()) -> Problem:
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(fields),
                   request_id=g.get("request_id"))


def of(error: Exception) -> Problem:
    """The problem that stands for an error of the service, of validation or of Flask."""
    if isinstance(error, ValidationError):
        return of_validation(error)
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, errors.Changed) and error.field not in PRECONDITIONS:  # an upload met a deletion
        return problem(HTTPStatus.CONFLICT, str(error), _fields(error))
    for kind, status in STATUSES.items():
        if isinstance(error, kind):
            fields = _fields(error)
            return problem(status, _summary(fields) or str(error), fields)
    if errors.is_unavailable(error):
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer just now; try again")
    if errors.is_full_disk(error):
        return problem(HTTPStatus.INSUFFICIENT_STORAGE, "the disk of the service is full; nothing was stored")
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a fault of the service; its log has more, under the "
                                                     "request id")


def of_validation(error: ValidationError) -> Problem:
    fields = [FieldError(field=".".join(map(str, e["loc"])) or "body", message=_message(dict(e)))
              for e in error.errors(include_url=False, include_context=False)]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, _summary(fields), fields)


def validation_response(error: ValidationError) -> Response:
    """What flask-openapi3 answers when a parameter is wrong."""
    return response(of_validation(error))


def response(problem: Problem, headers: Sequence[tuple[str, str]] = ()) -> Response:
    """JSON, but a page for a browser that asked for one."""
    if request.accept_mimetypes.best_match(KINDS) == "text/html":
        answer = Response(render_template("error.html", problem=problem), problem.status, mimetype="text/html")
    else:
        # not pydantic's own JSON: it refuses lone surrogates, and a message may quote what a client sent
        answer = Response(json.dumps(problem.model_dump()), problem.status, mimetype="application/problem+json")
    answer.headers.extend((k, v) for k, v in headers if k.lower() not in {"content-type", "content-length"})
    answer.headers["Cache-Control"] = "no-store"
    answer.vary.add("Accept")
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        answer.headers["Retry-After"] = "1"
    return answer


def record(error: Exception, problem: Problem) -> None:
    """What is the service's own fault goes to its log."""
    if problem.status >= 500 and not isinstance(error, HTTPException):
        log.error("%s %s failed", request.method, request.path, exc_info=error)


def init_app(app: OpenAPI) -> None:
    app.register_error_handler(Exception, _handle)
    app.validation_error_callback = validation_response


def _handle(error: Exception) -> Response | HTTPException:
    if isinstance(error, HTTPException) and (error.code is None or error.code < 400):
        return error  # a response or a redirect that was raised
    found = of(error)
    record(error, found)
    return response(found, error.get_headers() if isinstance(error, HTTPException) else ())


def _of_http(error: HTTPException) -> Problem:
    """What Werkzeug, Flask or a route raised as an HTTP error."""
    status = error.code or 500
    detail = _over_limit() if isinstance(error, RequestEntityTooLarge) else str(error.description or error.name)
    field = AT_FAULT.get(status)
    return problem(status, detail, [FieldError(field=field, message=detail)] if field else [])


def _over_limit() -> str:
    sent = f"{request.content_length:,}" if request.content_length else "more"
    return f"the body has {sent} bytes; at most {request.max_content_length or 0:,} are taken"


def _fields(error: Exception) -> list[FieldError]:
    field = getattr(error, "field", None)
    return [FieldError(field=field, message=str(error))] if field else []


def _message(error: dict[str, Any]) -> str:
    if error["type"] in {"missing", "extra_forbidden"}:
        return "is required" if error["type"] == "missing" else "is not a field of this request"
    if error["type"] == "repeated":
        return str(error["msg"])
    given = error.get("input")
    if error["type"] == "string_too_long":
        return f"{error['msg']}, not {len(str(given)):,}"
    value = repr(given)
    return f"{error['msg']}, not {value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + '…'}"


def _summary(fields: Sequence[FieldError]) -> str:
    return "; ".join(f"{f.field}: {f.message}" for f in fields[:3]) + ("; …" if len(fields) > 3 else "")
