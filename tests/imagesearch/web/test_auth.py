"""Who may do what."""
from dataclasses import replace

import pytest

from imagesearch.web.listening import address, is_loopback
from tests.captioning.pictures import quarters, saved
from tests.conftest import serving
from tests.imagesearch.web.asking import fetched, found, refused, send, stored

SMALL = saved(quarters(), "PNG")


def bearing(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def keys(services):
    """One key of each scope; with the first of them the service begins to ask for keys."""
    return {scope: services.keys.create(f"the {scope} key", scope) for scope in ("read", "write", "admin")}


def test_without_any_key_everything_is_allowed(client):
    assert send(client, SMALL, caption="x").status_code == 201


def test_with_a_key_writing_needs_one_and_reading_does_not(client, keys):
    refusal = send(client, SMALL, caption="x")
    refused(refusal, 401)
    assert refusal.headers["WWW-Authenticate"].startswith("Bearer")
    refused(send(client, SMALL, headers=bearing("wrong")), 401)
    refused(send(client, SMALL, headers={"Authorization": "Basic eDp5"}), 401)
    refused(send(client, SMALL, headers=bearing(keys["read"])), 403, None, "write")
    image = stored(client, SMALL, caption="a square", headers=bearing(keys["write"]))
    refused(client.patch(image["url"], json={"tags": []}), 401)
    refused(client.delete(image["url"], headers=bearing(keys["read"])), 403)
    assert found(client, "/search", q="square") == [image["id"]]
    assert client.delete(image["url"], headers=bearing(keys["admin"])).status_code == 204


def test_reading_needs_a_key_where_the_setting_says_so(settings):
    with serving(replace(settings, api_keys=("secret",), require_key_for_reads=True)) as app:
        client = app.test_client()
        for path in ("/images", "/images/none", "/images/none/file", "/search?q=x", "/models", "/metrics"):
            refused(client.get(path), 401)
        refused(client.post("/similar"), 401)
        assert client.get("/images", headers=bearing("secret")).status_code == 200
        for path in ("/healthz", "/openapi.json", "/docs"):
            assert fetched(client, path).status_code == 200


def test_a_revoked_key_opens_nothing_from_then_on(client, services, keys):
    services.keys.revoke("the write key")
    refused(send(client, SMALL, headers=bearing(keys["write"])), 401)


def test_searching_by_a_picture_is_a_read(client, keys):
    refused(client.post("/similar"), 415)


@pytest.mark.parametrize(("host", "status"), [
    ("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:8000", 200), ("app.localhost", 200),
    ("rebound.example", 421), ("192.168.1.5:8000", 421), ("localhost.example:80", 421)])
def test_without_a_key_only_this_machines_names_are_answered(client, host, status):
    response = client.get("/images", headers={"Host": host})
    assert response.status_code == status
    if status != 200:
        refused(response, status, None, "API_KEYS")


def test_without_a_key_only_this_machine_is_answered(client):
    refused(client.get("/images", environ_base={"REMOTE_ADDR": "192.168.1.7"}), 403, None, "API_KEYS")
    assert client.get("/healthz", environ_base={"REMOTE_ADDR": "192.168.1.7"}).status_code == 200


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://localhost:9999"}])
def test_a_page_of_another_site_cannot_write(client, headers):
    refused(send(client, SMALL, headers=headers), 403, None, "another site")
    assert client.get("/images").json["total"] == 0


def test_the_services_own_page_can_write(client):
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert send(client, SMALL, caption="x", headers=headers).status_code == 201


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_beyond_this_machine_the_service_listens_only_with_a_key(settings, host):
    with pytest.raises(SystemExit, match="API_KEYS"):
        address(replace(settings, host=host))
    assert address(replace(settings, host=host, api_keys=("secret",))).endswith(f"{host}]:8000" if ":" in host else
                                                                               f"{host}:8000")


def test_a_key_made_on_the_command_line_counts(settings):
    with serving(settings) as app:
        app.extensions["imagesearch"].services.keys.create("mine", "admin")
    assert address(replace(settings, host="0.0.0.0")) == "0.0.0.0:8000"


def test_looking_for_keys_makes_no_database(settings, tmp_path):
    elsewhere = tmp_path / "not there" / "images.db"
    with pytest.raises(SystemExit, match="API_KEYS"):
        address(replace(settings, host="0.0.0.0", database_url=f"sqlite:///{elsewhere}"))
    assert not elsewhere.parent.exists()


@pytest.mark.parametrize(("host", "answer"), [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("LOCALHOST", True),
    ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("localhost.example", False), ("", False)])
def test_what_is_this_machine(host, answer):
    assert is_loopback(host) == answer
