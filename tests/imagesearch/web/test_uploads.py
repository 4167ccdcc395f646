"""Pictures go in."""
import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor

from tests.captioning.pictures import quarters, saved
from tests.imagesearch.web.asking import form, part, refused, send, stored

SMALL = saved(quarters(), "PNG")


def test_a_photo_without_a_caption_is_described_before_the_answer(client, photo):
    data = photo("rocket.jpg")
    response = send(client, data, "rocket.jpg")
    image = response.json
    assert response.status_code == 201
    assert response.headers["Location"] == image["url"] == f"/images/{image['id']}"
    assert len(image["caption"].split()) >= 3
    assert (image["caption_source"], image["status"]) == ("model", "ready")
    assert image["caption_model"].startswith("vgg16-lstm@")
    assert (image["format"], image["width"], image["height"], image["bytes"]) == ("JPEG", 640, 427, len(data))
    assert image["sha256"] == hashlib.sha256(data).hexdigest()
    assert image["colours"][0]["name"] == "blue"
    assert client.get(image["url"]).json == image


def test_what_the_user_says_stands(client):
    image = stored(client, SMALL, caption="Four squares", tags="red, blue,,Red ", characteristics=json.dumps(
        [{"subject": "square", "subject_colours": ["green"], "subject_actions": []}]))
    assert (image["caption"], image["caption_source"], image["caption_model"]) == ("Four squares", "user", None)
    assert [t["name"] for t in image["tags"] if t["source"] == "user"] == ["red", "blue"]
    assert {"subject": "square", "subject_colours": ["green"], "subject_actions": [],
            "source": "user"} in image["characteristics"]


def test_the_alias_of_the_part_is_taken(client):
    assert client.post("/upload", **form({"image_file": part(SMALL)})).status_code == 201


def test_blank_fields_of_a_form_are_not_given(client):
    image = stored(client, SMALL, caption=" ", tags="", characteristics="")
    assert image["caption_source"] == "model"
    assert "user" not in [said["source"] for said in image["tags"] + image["characteristics"]]


def test_the_same_bytes_again_give_the_record_with_what_is_said_now(client):
    first = stored(client, SMALL, "first.png")
    again = send(client, SMALL, "second.png", caption="Squares", tags="red")
    assert again.status_code == 200
    assert (again.json["id"], again.json["filename"], again.json["caption"]) == (first["id"], "first.png", "Squares")
    assert client.get("/images").json["total"] == 1


def test_of_several_files_each_is_on_its_own(client):
    response = send(client, [SMALL, b"just text", saved(quarters(), "BMP"), SMALL])
    assert response.status_code == 207
    results = response.json["results"]
    assert [r["status"] for r in results] == [201, 415, 201, 200]
    assert results[1]["problem"]["errors"][0]["field"] == "image"
    assert results[1]["image"] is None
    assert results[3]["image"]["id"] == results[0]["image"]["id"]


def test_a_file_too_large_among_others_is_refused_alone(small_client):
    results = send(small_client, [SMALL, SMALL + bytes(2**20)]).json["results"]
    assert [r["status"] for r in results] == [201, 413]
    assert "1,000,000" in results[1]["problem"]["detail"]


def test_more_files_than_the_limit_are_refused(small_client):
    refused(send(small_client, [SMALL] * 4), 413, "image", "4", "at most 3")


def test_respond_async_answers_at_once_and_the_work_is_done_later(client, photo):
    response = send(client, photo("coffee.png"), headers={"Prefer": "respond-async, wait=10"})
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "respond-async"
    assert (response.json["status"], response.json["caption"]) == ("pending", None)
    deadline = time.monotonic() + 60
    while (image := client.get(response.json["url"]).json)["status"] == "pending" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert image["status"] == "ready"
    assert image["caption_source"] == "model"


def test_of_equal_uploads_at_once_one_is_stored_and_all_get_it(app, services):
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: send(app.test_client(), SMALL, caption="squares"), range(6)))
    assert sorted(a.status_code for a in answers) == [200] * 5 + [201]
    assert len({a.json["id"] for a in answers}) == 1
    assert services.library.count() == 1


def test_a_dangerous_filename_is_only_shown_as_a_name(client):
    image = stored(client, SMALL, "../../etc/pass\0wd\u202egpj.exe")
    assert image["filename"] == "passwdgpj.exe"
