"""The service itself: alive, ready, measured, and which models it uses."""
from flask import Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from captioning import registry
from imagesearch.telemetry import IMAGES, PENDING, VECTORS
from imagesearch.web import gallery, problems, schemas
from imagesearch.web.lifecycle import lifecycle, services
from imagesearch.web.openapi import KEY, SERVICE, answers, blueprint, contents, refusals

api = blueprint("service", SERVICE, [])
CARDS = answers(schemas.Models, {200: "The cards; a page of them for a browser."})
CARDS[200]["content"]["text/html"] = {"schema": {}}


@api.get("/healthz", responses=answers(schemas.Health, {200: "Alive."}))
def healthz() -> Response:
    """Whether the process is alive"""
    return schemas.Health(status="alive").response()


@api.get("/readyz", responses={**answers(schemas.Health, {200: "Ready."}), **refusals(503)})
def readyz() -> Response:
    """Whether requests can be served

    `503` while the models are being loaded, and where the database or the storage cannot be used; `errors` says which
    and why.
    """
    troubles = lifecycle().troubles()
    if not troubles:
        return schemas.Health(status="ready").response()
    fields = [schemas.FieldError(field=part, message=message) for part, message in troubles.items()]
    return problems.response(problems.problem(503, f"not ready: {', '.join(troubles)}", fields))


@api.get("/metrics", security=KEY, responses={200: contents("Prometheus' text format.", "text/plain"), **refusals()})
def metrics() -> Response:
    """Figures for Prometheus

    Requests by route, stages of an upload, index size.
    """
    if lifecycle().warm:
        _measure()
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


@api.get("/models", security=KEY, responses={**CARDS, **refusals()})
def models() -> Response:
    """Models installed and in use, with their measured quality"""
    settings = services().settings
    cards = registry.cards(settings.models_dir)
    similarities = {f"{registry.original(card)[0]}-similarity" for card in cards if card.name == settings.encoder}
    in_use = {settings.encoder, settings.captioner, settings.joint, settings.tagger, settings.learner} | similarities
    found = schemas.Models(models=[schemas.Model.of(card, card.name in in_use) for card in cards])
    wanted = request.accept_mimetypes.best_match(["application/json", "text/html"], "application/json")
    answer = gallery.models_page(found) if wanted == "text/html" else found.response()
    answer.vary.add("Accept")
    return answer


def _measure() -> None:
    library, search = services().library, services().search
    IMAGES.set(library.count())
    PENDING.set(library.count("pending"))
    with services().database.read() as session:
        VECTORS.set(search.similar.count(session))
