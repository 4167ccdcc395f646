"""The service itself: alive, ready, measured; its headers, its log, its documents."""
import re
import shutil
import time
from dataclasses import replace

import pytest

from tests.captioning.pictures import quarters, saved
from tests.conftest import serving
from tests.imagesearch.web.asking import fetched, refused, stored

SMALL = saved(quarters(), "PNG")


def ready(client, seconds=60):
    deadline = time.monotonic() + seconds
    while (answer := client.get("/readyz")).status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer


def test_it_is_alive_at_once_and_ready_when_the_models_are(client):
    assert client.get("/healthz").json == {"status": "alive"}
    assert ready(client).json == {"status": "ready"}


def test_it_is_not_ready_without_its_models_and_says_which_command_makes_them(settings, tmp_path):
    with serving(replace(settings, models_dir=tmp_path)) as app:
        client = app.test_client()
        client.get("/healthz")
        app.extensions["imagesearch"].stop()
        refused(client.get("/readyz"), 503, "models", "vgg16")
        assert client.get("/healthz").status_code == 200
        refused(client.get("/images"), 503, None, "vgg16")


def test_it_is_not_ready_where_it_cannot_store(client, settings):
    assert ready(client).status_code == 200
    shutil.rmtree(settings.data_dir)
    problem = refused(client.get("/readyz"), 503, "storage")
    assert "models" not in [error["field"] for error in problem["errors"]]


def test_the_figures_count_requests_by_route(client):
    ready(client)
    image = stored(client, SMALL)
    client.get(image["url"])
    text = client.get("/metrics").text
    assert re.search(r'imagesearch_request_seconds_count{method="GET",route="/images/<id>",status="200"} [1-9]', text)
    assert re.search(r'imagesearch_stage_seconds_count{stage="encode"} [1-9]', text)
    assert re.search(r"^imagesearch_images 1\.0$", text, re.MULTILINE)
    assert re.search(r"^imagesearch_index_vectors 1\.0$", text, re.MULTILINE)


def test_an_invented_method_or_path_makes_no_new_row(client):
    client.open("/nowhere-at-all", method="INVENTED")
    text = client.get("/metrics").text
    assert "INVENTED" not in text
    assert "nowhere-at-all" not in text


def test_the_models_in_use_show_their_measured_quality(client):
    models = {model["name"]: model for model in client.get("/models").json["models"]}
    assert all(models[name]["in_use"] and models[name]["licence"] for name in ("vgg16", "vgg16-lstm"))
    assert any(model["scores"] for model in models.values())


def test_every_answer_carries_the_request_id(client):
    assert client.get("/healthz", headers={"X-Request-ID": "abc-123"}).headers["X-Request-ID"] == "abc-123"
    assert re.fullmatch("[0-9a-f]{32}", client.get("/healthz").headers["X-Request-ID"])
    bad = client.get("/nowhere", headers={"X-Request-ID": 'x" injected="'})
    assert re.fullmatch("[0-9a-f]{32}", refused(bad, 404)["request_id"])


@pytest.mark.parametrize("path", ["/images", "/nowhere", "/docs", "/openapi.json", "/static/docs.js"])
def test_every_answer_keeps_browsers_on_a_short_leash(client, path):
    headers = fetched(client, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


def test_the_documentation_needs_nothing_from_elsewhere(client):
    page = fetched(client, "/docs").text
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        assert fetched(client, path).status_code == 200
