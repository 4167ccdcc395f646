"""The gallery's pages as a browser gets them; tests/web drives them in one."""
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from imagesearch.config import Settings
from imagesearch.db import Image
from imagesearch.web import auth
from tests.captioning.pictures import quarters, saved
from tests.conftest import serving
from tests.imagesearch.web.asking import refused, stored

SMALL = saved(quarters(), "PNG")
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def locked(settings: Settings):
    with serving(Settings(data_dir=settings.data_dir, api_keys=("sesame",), require_key_for_reads=True)) as app:
        yield app.test_client()


def signed_in(client: FlaskClient) -> FlaskClient:
    assert client.post("/key", data={"key": "sesame"}).status_code == 303
    return client


def test_the_page_holds_the_newest_pictures_and_no_script_of_its_own(client):
    image = stored(client, SMALL, caption="<b>four</b> squares")
    page = client.get("/", headers=BROWSER)
    text = page.get_data(as_text=True)
    assert f'data-id="{image["id"]}"' in text
    assert "<b>four" not in text
    assert re.findall(r"<script(?![^>]* src=)(?![^>]*application/json)", text) == []
    assert re.findall(r'\s(?:style|on\w+)="', text) == []
    assert "unsafe" not in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("status", "words"), [
    ("failed", "could not be described"), ("pending", "not described yet")])
def test_a_picture_without_a_caption_says_why(client, services, status, words):
    stored(client, SMALL)
    with services.database.write() as session:
        session.execute(update(Image).values(caption=None, status=status))
    assert f'<p class="caption">{words}</p>' in client.get("/").get_data(as_text=True)


def test_the_page_asks_no_other_host(client):
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//', client.get("/").get_data(as_text=True)) == []


def test_a_linked_search_does_not_flash_other_pictures(client):
    stored(client, SMALL)
    assert 'class="tile"' not in client.get("/?q=dog").get_data(as_text=True)


def test_the_page_can_be_installed(client):
    manifest = client.get("/manifest.webmanifest").json
    assert manifest["start_url"] == manifest["scope"] == "/"
    assert all(client.get(icon["src"], buffered=True).status_code == 200 for icon in manifest["icons"])
    worker = client.get("/sw.js")
    assert worker.mimetype == "text/javascript"
    shell = re.search(r"const FILES = (\[.*\]);", worker.get_data(as_text=True))
    assert shell is not None
    assert all(client.get(path, buffered=True).status_code == 200 for path in re.findall(r'"([^"]+)"', shell[1]))


def test_models_are_a_page_for_a_browser_and_json_for_a_program(client):
    assert client.get("/models").json["models"]
    page = client.get("/models", headers=BROWSER)
    assert page.mimetype == "text/html"
    assert "What describes your pictures" in page.get_data(as_text=True)
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_without_a_key_the_page_leads_to_where_one_is_entered(locked):
    assert locked.get("/").headers["Location"] == "/key"
    assert locked.get("/key").status_code == 200


def test_a_key_is_kept_where_scripts_and_other_sites_cannot_use_it(locked):
    answer = locked.post("/key", data={"key": "sesame"})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert locked.get("/images").status_code == 200
    assert locked.get("/").status_code == 200


def test_a_wrong_key_is_not_kept(locked):
    refused(locked.post("/key", data={"key": "open up" * 10_000}), 413, "body", "16,384")
    answer = locked.post("/key", data={"key": "open up"})
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_a_session_ends_with_its_key(settings):
    with serving(settings) as app:
        keys = app.extensions["imagesearch"].services.keys
        token = keys.create("phone", "write")
        client = app.test_client()
        client.post("/key", data={"key": token})
        stored(client, SMALL)
        keys.create("desk", "write")
        keys.revoke("phone")
        refused(client.delete("/images/none"), 401)


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}])
def test_a_session_does_not_serve_another_sites_page(locked, headers):
    refused(signed_in(locked).post("/upload", headers=headers), 403, None, "another site")
    assert locked.post("/key/forget", headers=headers).status_code == 403


def test_a_forgotten_key_takes_the_caches_along(locked):
    answer = signed_in(locked).post("/key/forget")
    assert auth.COOKIE + "=;" in answer.headers["Set-Cookie"]
    assert "storage" in answer.headers["Clear-Site-Data"]
    refused(locked.get("/images"), 401)
