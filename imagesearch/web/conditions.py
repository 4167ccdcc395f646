"""Answers that depend on what the client has already (RFC 9110, 13), and parts of a file (14)."""
from os import PathLike

from flask import Response, request, send_file
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from imagesearch.errors import Changed


def file(path: PathLike[str], media_type: str, etag: str) -> Response:
    """The file, the part asked for, or 304. Raises FileNotFoundError, Changed and the HTTP error 416."""
    answer = checked(send_file(path, media_type, etag=etag, conditional=False))
    if answer.status_code == 304:
        return answer
    try:
        answer.make_conditional(_range(), accept_ranges=True, complete_length=answer.content_length)
    except RequestedRangeNotSatisfiable:
        answer.close()
        raise
    return answer


def checked(answer: Response) -> Response:
    """The answer to a GET, or 304 in its place. Raises Changed.

    In RFC 9110's order (13.2.2): Werkzeug's `make_conditional` looks at the range first, lets `If-Match: *` fail and
    sends the whole answer with its 412.
    """
    if failed := _failed(answer):
        answer.close()
        raise Changed(f"{request.path} is at {answer.headers['ETag']}, which {request.headers[failed][:100]} does not "
                      "allow: ask without that header for what is there now", failed)
    if _known(answer):
        answer.status_code = 304
    return answer


def _failed(answer: Response) -> str | None:
    """The precondition that does not hold."""
    if "If-Match" in request.headers:
        return None if request.if_match.contains(_etag(answer)) else "If-Match"
    since, changed = request.if_unmodified_since, answer.last_modified
    return "If-Unmodified-Since" if since and changed and changed > since else None


def _known(answer: Response) -> bool:
    if "If-None-Match" in request.headers:
        return request.if_none_match.contains_weak(_etag(answer))
    since, changed = request.if_modified_since, answer.last_modified
    return bool(since and changed and changed <= since)


def _etag(answer: Response) -> str:
    return answer.get_etag()[0] or ""


def _range() -> dict[str, str]:
    """What of the request's environment chooses a part. A range that is not understood is ignored, and so are several
    at once, and one of a HEAD (RFC 9110, 14.2)."""
    asked, kept = request.range, {"REQUEST_METHOD": request.method}
    if request.method == "GET" and asked is not None and asked.units == "bytes" and len(asked.ranges) == 1:
        kept |= {name: value for name in ("HTTP_RANGE", "HTTP_IF_RANGE") if (value := request.environ.get(name))}
    return kept
