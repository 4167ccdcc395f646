"""The gallery: what a person sees. Pages are rendered here; pictures come and go through the API."""
import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from imagesearch.library import Listing
from imagesearch.web import auth, schemas
from imagesearch.web.charts import chart
from imagesearch.web.lifecycle import services
from imagesearch.web.paging import cursor_below
from imagesearch.web.slots import waiting_for_the_client

pages = Blueprint("gallery", __name__)
FIRST = 24  # pictures in the page itself: what a screen shows; the next ones are asked for by the hundred
LEARNING = "teaching.give_feedback"  # the endpoint whose presence brings the page's lessons
LARGEST_FORM = 2**14  # bytes; anyone may send this one
STATIC = Path(__file__).parent / "static"
# No inline script or style, nothing from another host. blob: is a file just chosen, shown while it is on its way.
STRICT = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
          "connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
          "frame-ancestors 'none'")
WORKER = "default-src 'none'; connect-src 'self'"  # a worker's own policy rules what it may fetch


@pages.after_request
def _strict(response: Response) -> Response:
    if response.mimetype == "text/html":
        response.headers["Content-Security-Policy"] = STRICT
        response.headers["Referrer-Policy"] = "same-origin"  # with none at all a form's Origin would be "null"
    return response


@pages.get("/")
def index() -> BaseResponse | str:
    """The newest pictures; what the address bar asks for beyond them is found by the page's own scripts."""
    if not auth.may("read"):
        return redirect(url_for("gallery.key"))
    library = services().library
    searching = any(name != "image" for name in request.args)
    page = Listing() if searching else library.page(FIRST)
    following = None if page.next is None else url_for("images.list_images", limit=100, cursor=cursor_below(page.next))
    listing = schemas.Listing(images=[schemas.Image.of(i) for i in page.images], total=library.count(), next=following)
    return render_template("gallery/index.html", listing=listing, state=listing.model_dump(mode="json"),
                           modules=_modules(), searching=searching, signed_in=auth.signed_in(),
                           keys=services().keys.required(), learns=_learns())


@pages.get("/manifest.webmanifest")
def manifest() -> Response:
    """What a phone needs to keep the page as an app."""
    answer = Response(render_template("gallery/manifest.json"), mimetype="application/manifest+json")
    answer.headers["Cache-Control"] = "public, max-age=3600"
    return answer


@pages.get("/sw.js")
def service_worker() -> Response:
    """Served from the root, because a service worker rules only what lies below its own address."""
    shell = [url_for("static", filename=name) for name in
             ("gallery.css", "icon.svg", *(f"js/{module}" for module in _modules()))]
    answer = Response(render_template("gallery/sw.js", version=_version(), shell=shell), mimetype="text/javascript")
    answer.headers["Content-Security-Policy"] = WORKER
    return answer


@pages.get("/key")
def key() -> BaseResponse | str:
    """Where a person gives the key, once."""
    return render_template("gallery/key.html") if services().keys.required() else redirect(url_for("gallery.index"))


@pages.post("/key")
def sign_in() -> BaseResponse:
    request.max_content_length = LARGEST_FORM
    with waiting_for_the_client():
        token = request.form.get("key", "").strip()
    scope = services().keys.scope(token) if token else None
    if scope is None:
        return make_response(render_template("gallery/key.html", wrong=True), 401)
    return auth.remember(redirect(url_for("gallery.index"), 303), token)


@pages.post("/key/forget")
def sign_out() -> BaseResponse:
    return auth.forget(redirect(url_for("gallery.key"), 303))


def models_page(models: schemas.Models) -> Response:
    """What `GET /models` is to a browser."""
    in_use = sorted(models.models, key=lambda model: (not model.in_use, model.kind))
    charts = {model.name: chart(model.scores) for model in in_use}
    return _strict(make_response(render_template("gallery/models.html", models=in_use, charts=charts)))


def _learns() -> bool:
    """Whether there is a tagger to teach."""
    return LEARNING in current_app.view_functions and services().library.tagging is not None


@cache
def _modules() -> list[str]:
    return sorted(path.name for path in (STATIC / "js").glob("*.js"))


@cache
def _version() -> str:
    """Changes with any file of the shell."""
    files = sorted(path for path in STATIC.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
