"""Who may do what: by key, and where there is none, only from this machine and never from another site's page."""
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.wrappers import Response as BaseResponse

from imagesearch.keys import allows
from imagesearch.web import problems
from imagesearch.web.lifecycle import services
from imagesearch.web.listening import is_loopback

SAFE = {"GET", "HEAD", "OPTIONS"}
OPEN_PATHS = {"/healthz", "/readyz"}  # for whatever watches over the process
SHELLS = {"docs", "gallery", None}  # blueprints whose pages hold no image data; None: static files, unknown paths
READING_POSTS = {"searches.search_by_image"}  # POST only because a picture does not fit into an address
SIGNING = {"gallery.sign_in", "gallery.sign_out"}  # how a browser comes by its key, and gets rid of it
COOKIE = "imagesearch_key"  # holds the key itself, out of reach of scripts: revoking the key ends every session
KEPT = 180 * 24 * 3600  # seconds


def init_app(app: Flask) -> None:
    app.before_request(check)


def check() -> Response | None:
    """Answers in the route's place where it may not be used."""
    if request.path in OPEN_PATHS:
        return None
    keys = services().keys
    if not keys.required():
        return _strange_host() or _strange_page()
    if (needed := _needed()) is None:
        return _strange_page() if request.endpoint in SIGNING else None
    token = _token()
    if token is None and signed_in() and (refusal := _strange_page()) is not None:
        return refusal  # a cookie comes along by itself, whoever made the browser send it
    token = token or request.cookies.get(COOKIE)
    scope = keys.scope(token) if token else None
    if scope is None:
        return _unknown("this key is not known" if token else "a key is needed here")
    if not allows(scope, needed):
        return _refused(HTTPStatus.FORBIDDEN, f"this key may {scope}; here one that may {needed} is needed")
    return None


def may(needed: str) -> bool:
    """Whether this request's browser may read or write; the gallery asks for a key where it may not."""
    required = services().keys.required() and (needed != "read" or services().settings.require_key_for_reads)
    return not required or allows(services().keys.scope(_token() or request.cookies.get(COOKIE, "")), needed)


def signed_in() -> bool:
    return COOKIE in request.cookies


def remember(answer: BaseResponse, token: str) -> BaseResponse:
    """The browser sends the key by itself from now on, and only for the service's own pages."""
    answer.set_cookie(COOKIE, token, max_age=KEPT, httponly=True, samesite="Strict", secure=request.is_secure)
    return answer


def forget(answer: BaseResponse) -> BaseResponse:
    """No key any more, and no picture in the browser's caches."""
    answer.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=request.is_secure)
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


def _needed() -> str | None:
    """The scope that a request needs, None for those that are open to all."""
    if request.endpoint in SIGNING:
        return None
    if request.method not in SAFE and request.endpoint not in READING_POSTS:
        return "write"
    shown = request.blueprint in SHELLS or request.method == "OPTIONS"
    return None if shown or not services().settings.require_key_for_reads else "read"


def _token() -> str | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def _unknown(detail: str) -> Response:
    answer = _refused(HTTPStatus.UNAUTHORIZED, f"{detail}: send `Authorization: Bearer KEY`")
    answer.www_authenticate = WWWAuthenticate("bearer", {"realm": "imagesearch"})
    return answer


def _strange_host() -> Response | None:
    """Another name than this machine's own: a proxy that passes strangers on, or a DNS name that a strange site has
    pointed at this machine so that its scripts may read the answers."""
    if not is_loopback(request.remote_addr or "127.0.0.1"):
        return _refused(HTTPStatus.FORBIDDEN, "without a key only this machine is served: set API_KEYS")
    name = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    if not is_loopback(name.strip("[]")):
        return _refused(HTTPStatus.MISDIRECTED_REQUEST,
                        f"without a key the service answers to localhost and 127.0.0.1, not to {name[:100]}: set "
                        "API_KEYS to serve others")
    return None


def _strange_page() -> Response | None:
    """A page of another site may make a browser send a form here; without a key nothing else would stop it."""
    if request.method in SAFE:
        return None
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "none")
    if site not in {"same-origin", "none"} or (origin is not None and origin.split("://")[-1] != request.host):
        return _refused(HTTPStatus.FORBIDDEN, f"the request comes from another site's page ({(origin or site)[:100]})")
    return None


def _refused(status: HTTPStatus, detail: str) -> Response:
    return problems.response(problems.problem(status, detail))
