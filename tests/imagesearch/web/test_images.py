"""What is stored: listed, read, changed, deleted; its file and its thumbnail."""
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from imagesearch.config import Settings
from tests.captioning.pictures import corners, exif_with_orientation, quarters, saved
from tests.conftest import serving
from tests.imagesearch.web.asking import fetched, found, refused, stored

SMALL = saved(quarters(), "PNG")


@pytest.fixture
def image(client):
    return stored(client, SMALL, "squares.png", caption="A red car")


def patch(client, image, headers=None, **changes):
    return client.patch(image["url"], data=json.dumps(changes), content_type="application/merge-patch+json",
                        headers=headers)


def test_the_newest_come_first_and_pages_do_not_shift_under_uploads(client):
    ids = [stored(client, saved(quarters(64 + i), "PNG"), caption="square")["id"] for i in range(3)]
    first = client.get("/images?limit=2").json
    assert ([i["id"] for i in first["images"]], first["total"]) == ([ids[2], ids[1]], 3)
    stored(client, saved(quarters(99), "PNG"), caption="square")
    second = client.get(first["next"]).json
    assert ([i["id"] for i in second["images"]], second["next"]) == ([ids[0]], None)


def test_an_image_that_has_not_changed_is_not_sent_again(client, image):
    etag = client.get(image["url"]).headers["ETag"]
    again = client.get(image["url"], headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    patch(client, image, tags=["red"])
    assert client.get(image["url"], headers={"If-None-Match": etag}).status_code == 200


def test_a_patch_changes_what_it_names_and_search_follows(client, image):
    changed = patch(client, image, caption="Four blue squares", tags=["blue", {"name": "geometry"}])
    assert changed.status_code == 200
    assert changed.json["caption"] == "Four blue squares"
    assert [t["name"] for t in changed.json["tags"]] == ["blue", "geometry"]
    assert patch(client, image, tags=None).json["tags"] == []
    assert patch(client, image).json["caption"] == "Four blue squares"
    assert found(client, "/search", q="four squares", mode="text") == [image["id"]]


def test_characteristics_are_replaced_and_those_given_back_stay_the_captions(client, image):
    derived = image["characteristics"]
    assert [(c["subject"], c["source"]) for c in derived] == [("car", "caption")]
    mine = {"subject": "dog", "subject_colours": ["brown"], "subject_actions": ["run"]}
    kept = patch(client, image, characteristics=[*derived, mine]).json["characteristics"]
    assert [(c["subject"], c["source"]) for c in kept] == [("car", "caption"), ("dog", "user")]
    kept = patch(client, image, characteristics=[derived[0] | {"subject_colours": ["pink"]}]).json["characteristics"]
    assert [(c["subject_colours"], c["source"]) for c in kept] == [(["pink"], "user")]
    assert patch(client, image, characteristics=[]).json["characteristics"] == []


def test_null_asks_for_a_generated_caption(client, image):
    changed = patch(client, image, caption=None).json
    assert changed["caption_source"] == "model"
    assert changed["caption_model"]
    assert changed["caption"] != "A red car"


def test_what_is_read_can_be_patched_back_unchanged(client, image):
    same = {name: image[name] for name in ("caption", "tags", "characteristics")}
    changed = patch(client, image, **same).json
    assert {name: changed[name] for name in same} == same


def test_a_change_to_a_version_that_is_gone_is_refused(client, image):
    etag = client.get(image["url"]).headers["ETag"]
    assert patch(client, image, {"If-Match": f'"other", {etag}'}, tags=["a"]).status_code == 200
    refused(patch(client, image, {"If-Match": etag}, tags=["b"]), 412, "If-Match")
    refused(client.delete(image["url"], headers={"If-Match": etag}), 412, "If-Match")
    weak = "W/" + client.get(image["url"]).headers["ETag"]
    refused(patch(client, image, {"If-Match": weak}, tags=["b"]), 412, "If-Match")  # RFC 9110, 13.1.1: strong only
    assert [t["name"] for t in client.get(image["url"]).json["tags"]] == ["a"]
    assert patch(client, image, {"If-Match": "*"}, tags=["b"]).status_code == 200


def test_a_deleted_image_is_gone_everywhere(client, services, image):
    fetched(client, image["thumbnail_url"])
    assert client.delete(image["url"]).status_code == 204
    for path in (image["url"], image["file_url"], image["thumbnail_url"], image["url"] + "/similar"):
        refused(client.get(path), 404)
    refused(client.delete(image["url"]), 404)
    assert found(client, "/search", q="red car") == []
    assert list(services.storage) == list(services.storage.thumbnails()) == []


def test_the_file_is_the_original_and_cannot_run(client, image):
    response = fetched(client, image["file_url"])
    assert response.data == SMALL
    assert response.mimetype == "image/png"
    assert response.headers["ETag"] == f'"{image["sha256"]}"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "immutable" in response.headers["Cache-Control"]
    assert response.headers["Content-Disposition"] == "inline; filename*=UTF-8''squares.png"
    assert fetched(client, image["file_url"], If_None_Match=response.headers["ETag"]).status_code == 304


@pytest.mark.parametrize(("asked", "status", "part"), [
    ("bytes=2-5", 206, SMALL[2:6]), ("bytes=-4", 206, SMALL[-4:]), ("bytes=10-", 206, SMALL[10:]),
    ("bytes=0-1,4-5", 200, SMALL), ("lines=1-2", 200, SMALL), ("bytes=x-y", 200, SMALL)])
def test_a_part_of_the_file_can_be_asked_for(client, image, asked, status, part):
    response = fetched(client, image["file_url"], Range=asked)
    assert (response.status_code, response.data) == (status, part)


def test_a_part_beyond_the_files_end_is_refused(client, image):
    response = client.get(image["file_url"], headers={"Range": "bytes=999999-"})
    refused(response, 416)
    assert response.headers["Content-Range"] == f"bytes */{len(SMALL)}"


LONG_AGO, TO_COME = "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
ADDRESSES = ["url", "file_url", "thumbnail_url", "audio_url"]
DATED = ADDRESSES[1:]  # the files: only they have a `Last-Modified`


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("condition", ['"x"', 'W/{etag}', ""])
def test_a_version_that_is_not_there_is_refused_and_not_sent(client, image, address, condition):
    etag = fetched(client, image[address]).headers["ETag"]
    answer = client.get(image[address], headers={"If-Match": condition.format(etag=etag), "Range": "bytes=0-3"})
    refused(answer, 412, "If-Match", etag.strip('"'))


@pytest.mark.parametrize("address", DATED)
def test_a_file_that_was_changed_since_is_refused(client, image, address):
    headers = {"If-Unmodified-Since": LONG_AGO, "Range": "bytes=0-3"}
    refused(client.get(image[address], headers=headers), 412, "If-Unmodified-Since", LONG_AGO)
    assert fetched(client, image[address], If_Unmodified_Since=TO_COME).status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
def test_preconditions_are_looked_at_in_their_order_and_the_range_last(client, image, address):
    etag = fetched(client, image[address]).headers["ETag"]

    def status(**headers: str) -> int:
        return fetched(client, image[address], Range="bytes=0-3", **headers).status_code

    part = 200 if address == "url" else 206
    assert status(If_None_Match=etag) == status(If_None_Match="*") == status(If_None_Match=f"W/{etag}") == 304
    assert status(If_Match=etag, If_None_Match=etag) == 304
    assert status(If_Match="*", If_Unmodified_Since=LONG_AGO) == status(If_Match=f'"x", {etag}') == part
    assert status(If_None_Match='"x"', If_Modified_Since=TO_COME) == part
    assert status(If_Modified_Since=TO_COME) == (200 if address == "url" else 304)
    assert status(If_Range='"x"') == 200


def test_a_thumbnail_is_upright_and_of_the_kind_that_is_accepted(client):
    turned = stored(client, saved(quarters(640, 480), "JPEG", exif=exif_with_orientation(6)), caption="squares")
    assert (turned["width"], turned["height"]) == (480, 640)
    for accept, format in (("image/webp,*/*", "WEBP"), ("image/jpeg", "JPEG"), ("*/*", "WEBP")):
        response = fetched(client, turned["thumbnail_url"] + "?size=128", Accept=accept)
        thumbnail = Image.open(io.BytesIO(response.data))
        assert (thumbnail.format, thumbnail.size, response.vary.to_header()) == (format, (96, 128), "Accept")
    assert corners(thumbnail.convert("RGB"))[1][0] > 180  # red stood on the left above and is now on the right


def test_a_lost_file_is_not_found_and_not_a_fault(client, services, image):
    services.storage.delete(image["sha256"])
    refused(client.get(image["file_url"]), 404)
    refused(client.get(image["thumbnail_url"]), 404)
    refused(patch(client, image, caption=None), 404)


@pytest.mark.parametrize("storage", ["", "photos"])
def test_a_folder_is_named_relative_to_where_the_service_starts(tmp_path, monkeypatch, storage):
    monkeypatch.chdir(tmp_path)
    with serving(Settings(data_dir=Path("data"), storage_url=storage, log_level="WARNING")) as app:
        client = app.test_client()
        image = stored(client, SMALL, caption="four squares")
        answers = [fetched(client, image[url]) for url in ("file_url", "thumbnail_url", "audio_url")]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].data == SMALL
