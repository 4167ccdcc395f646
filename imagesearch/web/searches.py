"""Finding pictures."""
from time import perf_counter

from flask import Response, g, request

from imagesearch.search import Results
from imagesearch.web import schemas, zips
from imagesearch.web.lifecycle import services
from imagesearch.web.multipart import form
from imagesearch.web.openapi import SEARCH, answers, blueprint, form_body, refusals, request_headers
from imagesearch.web.paging import next_page

api = blueprint("searches", SEARCH)
FILES = ("image", "image_file")
FOUND = answers(schemas.Results, {200: "What was found, best first."})
FOUND[200]["content"]["application/zip"] = {"schema": {}}
AS_ZIP = request_headers("Accept")


@api.get("/search", openapi_extensions=AS_ZIP, responses={**FOUND, **refusals(422)})
def search(query: schemas.TextQuery) -> Response:
    """By words

    Captions, tags and characteristics are searched, ranked by BM25 with stemming; where a joint model is installed
    the pictures themselves are compared with the words as well. An exact phrase of a caption comes first. Nothing
    below the query's own cut-off is given, so nonsense finds nothing. `matched` says why an image was found.
    """
    return _answer(services().search.by_text(query.q, query.mode, query.filters(), query.cut()))


@api.get("/search/features", openapi_extensions=AS_ZIP, responses={**FOUND, **refusals(422)})
def search_features(query: schemas.CutQuery) -> Response:
    """By what is in the picture

    All that is given must hold, and colours and actions of one and the same subject: a red car, not a red anything
    beside a car. Values are stemmed and case-folded, and `gray` is `grey`.
    """
    return _answer(services().search.by_features(query.filters(), query.cut()))


@api.get("/search/suggest", responses={**answers(schemas.Suggestions, {200: "At most ten."}), **refusals(422)})
def suggest(query: schemas.SuggestQuery) -> Response:
    """Completions for a search box"""
    return schemas.Suggestions(suggestions=services().search.suggest(query.q)).response()


@api.post("/similar", openapi_extensions=form_body(schemas.QueryForm) | AS_ZIP, responses={
    **FOUND, **refusals(413, 415, 422)})
def search_by_image(query: schemas.CutQuery) -> Response:
    """By another picture

    The pictures most like the one sent, which is not stored. `score` is the cosine similarity. To go on, send the
    picture again to `next`.
    """
    with form(request, services().settings, 1, FILES) as parts:
        data = parts.data(parts.files()[0])
    return _answer(services().search.by_image(data, query.filters(), query.cut()))


@api.get("/images/<id>/similar", openapi_extensions=AS_ZIP, responses={**FOUND, **refusals(404, 422)})
def similar_images(path: schemas.ImagePath, query: schemas.CutQuery) -> Response:
    """Images like this one

    Itself left out. `score` is the cosine similarity.
    """
    return _answer(services().search.similar_to(path.id, query.filters(), query.cut()))


def _answer(found: Results) -> Response:
    results = schemas.Results.of(found, next_page(found.next), perf_counter() - g.started)
    accepted = request.accept_mimetypes.best_match(["application/json", "application/zip"], "application/json")
    answer = zips.response(found.hits, results) if accepted == "application/zip" else results.response()
    answer.vary.add("Accept")
    return answer
