import json
import os
import signal
import threading
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import delete, select

from imagesearch import archive, collecting, openverse, origins
from imagesearch.annotations import Annotation
from imagesearch.bootstrap import Services, build
from imagesearch.collecting import Collector, Wanted
from imagesearch.config import Settings
from imagesearch.db import Image, Origin
from imagesearch.doctor import Doctor
from imagesearch.errors import Invalid, ServiceError
from imagesearch.fetching import Fetcher, Limits
from imagesearch.hosts import Unfetched
from imagesearch.origins import Source
from imagesearch.pool import interruptible
from tests.imagesearch.sites import Asked, Site


def run(services: Services, sources: list[Source], stop: threading.Event | None = None,
        jobs: int = 4) -> tuple[Counter, dict[str, str]]:
    fetcher = Fetcher(Limits(services.settings.max_upload_bytes, silence_s=2), private=True, stop=stop)
    outcomes = list(Collector(services.library, Wanted.of(sources), fetcher).run(jobs, stop=stop))
    return Counter(o.kind for o in outcomes), {urlsplit(o.path).path: o.reason for o in outcomes if o.kind == "bad"}


def shown(services: Services) -> dict[str, tuple[str | None, str | None]]:
    return {image.filename: (image.caption_source, image.caption) for image in services.library.page(100).images}


def remembered(services: Services) -> list[Origin]:
    with services.database.read() as session:
        return list(session.scalars(select(Origin).order_by(Origin.url)))


# ---- lists -------------------------------------------------------------------------------------------

def test_a_list_has_a_url_a_line_with_a_caption_behind_a_tab():
    text = "# mine\n\nhttp://a/1.jpg\n  http://a/2.jpg#top \t a cat, asleep \r\nhttp://a/3,4.jpg?x=1;y=2\n"
    assert collecting.read("list", text.encode()) == [
        Source("http://a/1.jpg"), Source("http://a/2.jpg", "a cat, asleep"), Source("http://a/3,4.jpg?x=1;y=2")]


@pytest.mark.parametrize("text", [
    "url,caption,licence,author,source\nhttp://a/1.jpg,\"a cat, asleep\",CC0 1.0,Ann,http://a/1\n",
    "\ufeffURL;Licence;Creator;Caption;Page\r\nhttp://a/1.jpg;CC0 1.0;Ann;a cat, asleep;http://a/1\r\n",
    "license\turl\tdescription\tauthor\tpage\nCC0 1.0\thttp://a/1.jpg\ta cat, asleep\tAnn\thttp://a/1\n",
])
def test_a_table_says_more_of_each(text):
    assert collecting.read("list", text.encode()) == [
        Source("http://a/1.jpg", "a cat, asleep", None, "Ann", "CC0 1.0", None, "http://a/1")]


def test_a_column_of_captions_can_be_chosen_and_a_wrong_one_is_named():
    table = b"url,de,caption\nhttp://a/1.jpg,eine Katze,a cat\n"
    assert collecting.read("list", table, "DE")[0].caption == "eine Katze"
    with pytest.raises(Invalid, match=r"list: has no column 'fr'; its first line is url,de,caption"):
        collecting.read("list", table, "fr")
    with pytest.raises(Invalid, match="names no columns"):
        collecting.read("list", b"http://a/1.jpg\n", "fr")
    with pytest.raises(Invalid, match="line 2 is not UTF-8"):
        collecting.read("list", b"http://a/1.jpg\n\xff\n")


def test_a_caption_ends_where_its_line_ends_and_not_at_a_separator_in_it():
    text = "http://a/1.jpg\ta dog\u2028on a beach\r\nhttp://a/2.jpg\n"
    assert collecting.read("list", text.encode()) == [
        Source("http://a/1.jpg", "a dog\u2028on a beach"), Source("http://a/2.jpg")]


def test_an_empty_list_is_no_trouble_and_a_row_without_a_url_is_named():
    assert collecting.read("list", b"\n# nothing\n") == []
    assert [s.url for s in collecting.read("list", b"url,caption\n,a cat\nhttp://a/\n")] == ["row 1", "http://a/"]


def test_what_strangers_say_is_kept_as_a_line_of_text():
    source = Source.of("http://a/", author=" Ann\x1b[31m\n", title="x" * 600, licence=" ", page="javascript:alert(1)",
                       licence_url="HTTPS://a/by")
    assert (source.author, len(source.title or ""), source.licence) == ("Ann[31m", 500, None)
    assert (source.page, source.licence_url) == (None, "HTTPS://a/by")


def test_hosts_take_turns_and_each_url_comes_once():
    urls = ["http://a/1", "http://a/2", "http://a/3", "http://b/1", "http://a/1#x", "nonsense"]
    assert Wanted.of([Source.of(url) for url in urls]).files == [
        "http://a/1", "http://b/1", "nonsense", "http://a/2", "http://a/3"]
    assert Wanted.of([Source.of(url) for url in urls], limit=2).files == ["http://a/1", "http://a/2"]


# ---- taking in ---------------------------------------------------------------------------------------

def test_pictures_come_in_with_what_is_known_of_them(services, site):
    wanted = [Source.of(site.url("/a/chelsea.png?size=big"), "a cat looks up", author="Ann", licence="CC BY 4.0",
                        licence_url="https://creativecommons.org/licenses/by/4.0/", page="https://a.example/cat"),
              Source.of(site.url("/rocket.jpg"))]
    site["/a/chelsea.png"] = site.answers["/chelsea.png"]
    assert run(services, wanted)[0] == {"stored": 2}
    found = shown(services)
    assert found["chelsea.png"] == ("user", "a cat looks up")
    assert found["rocket.jpg"][0] == "model"
    cat, rocket = remembered(services)
    assert (cat.url, cat.author, cat.licence, cat.page) == (
        wanted[0].url, "Ann", "CC BY 4.0", "https://a.example/cat")
    assert (rocket.url, rocket.author, rocket.title) == (wanted[1].url, None, None)


def test_a_second_run_fetches_nothing(services, site):
    wanted = [Source.of(site.url(f"/{name}")) for name in ("chelsea.png", "rocket.jpg", "coffee.png")]
    assert run(services, wanted[:2])[0] == {"stored": 2}
    site.asked.clear()
    assert run(services, wanted)[0] == {"known": 2, "stored": 1}
    assert site.paths == ["/coffee.png"]


def test_the_same_picture_at_two_places_is_stored_once_and_both_are_remembered(services, site, photo):
    site["/copy.png"] = photo("chelsea.png")
    wanted = [Source.of(site.url("/chelsea.png")), Source.of(site.url("/copy.png"))]
    services.library.add(photo("rocket.jpg"))
    assert run(services, [*wanted, Source.of(site.url("/rocket.jpg"))])[0] == {"stored": 1, "known": 2}
    assert len(remembered(services)) == 3
    site.asked.clear()
    assert run(services, wanted)[0] == {"known": 2}
    assert site.asked == []


def test_what_is_said_later_is_taken_without_fetching_and_not_against_a_person(services, site):
    url = site.url("/chelsea.png")
    run(services, [Source.of(url)])
    site.asked.clear()
    assert run(services, [Source.of(url, "a cat", author="Ann")])[0] == {"captioned": 1}
    assert run(services, [Source.of(url, "another cat", licence="CC0 1.0")])[0] == {"known": 1}
    assert shown(services)["chelsea.png"] == ("user", "a cat")
    assert [(o.author, o.licence) for o in remembered(services)] == [("Ann", "CC0 1.0")]
    assert site.asked == []


def test_what_a_person_writes_at_that_moment_stays(services, site, monkeypatch):
    url = site.url("/chelsea.png")
    run(services, [Source.of(url)])
    library, update = services.library, services.library.update

    def meanwhile(id, annotation):
        update(id, Annotation("my cat"))
        return update(id, annotation)
    monkeypatch.setattr(library, "update", meanwhile)
    assert run(services, [Source.of(url, "a cat")])[0] == {"known": 1}
    assert shown(services)["chelsea.png"] == ("user", "my cat")


def test_a_picture_that_was_deleted_or_lost_is_fetched_again(services, site):
    wanted = [Source.of(site.url("/chelsea.png")), Source.of(site.url("/rocket.jpg"))]
    run(services, wanted)
    first, second = services.library.page(2).images
    services.library.delete(first.id)
    assert len(remembered(services)) == 1
    services.storage.delete(second.sha256)
    assert run(services, wanted)[0] == {"stored": 1, "known": 1}
    assert services.storage.exists(second.sha256)
    assert len(remembered(services)) == 2


def test_bad_ones_are_named_and_passed_over(services, site, photo):
    site["/page.jpg"] = (200, {"Content-Type": "text/html"}, b"<!doctype html><title>no</title>")
    site["/cut.jpg"] = photo("rocket.jpg")[:5000]
    site["/film.jpg"] = lambda asked: asked.send(200, {"Content-Length": "25000001"})
    site["/out"] = (302, {"Location": "http://169.254.169.254/"}, b"")
    paths = ("/chelsea.png", "/missing.jpg", "/page.jpg", "/cut.jpg", "/film.jpg", "/out")
    counts, bad = run(services, [*(Source.of(site.url(path)) for path in paths),
                                 Source.of(site.url("/rocket.jpg"), "x" * 2001), Source.of("ftp://a/b.jpg")])
    assert counts == {"stored": 1, "bad": 7}
    assert bad["/missing.jpg"] == "answered 404 Not Found"
    assert "This is an HTML page" in bad["/page.jpg"]
    assert "cut off or damaged" in bad["/cut.jpg"]
    assert bad["/film.jpg"] == "is announced with 25,000,001 bytes; at most 25,000,000 are taken (MAX_UPLOAD_MB=25)"
    assert bad["/out"].startswith("redirects to http://169.254.169.254/: 169.254.169.254 is an address for special")
    assert "2,001 characters" in bad["/rocket.jpg"]
    assert bad["/b.jpg"] == "only http and https are fetched, not 'ftp'"


def test_bytes_that_came_before_a_crash_could_remember_their_url_are_known(services, site):
    wanted = [Source.of(site.url("/chelsea.png"), author="Ann")]
    run(services, wanted)
    with services.database.write() as session:
        session.execute(delete(Origin))
    assert run(services, wanted)[0] == {"known": 1}
    assert [o.author for o in remembered(services)] == ["Ann"]


def test_when_asked_to_stop_it_breaks_off_what_it_waits_for_and_keeps_what_it_has(services, site):
    def slow(asked: Asked) -> None:
        os.kill(os.getpid(), signal.SIGTERM)  # taken as a wish, not as death
        asked.send(503, {"Retry-After": "20"})
    site["/slow"] = slow
    wanted = [Source.of(site.url(path)) for path in ("/chelsea.png", "/slow", "/rocket.jpg")]
    with interruptible() as stop:
        counts, bad = run(services, wanted, stop, jobs=1)
    assert (counts["stored"], bad) == (services.library.count(), {})
    assert 0 < counts["stored"] < 3
    assert [finding.trouble for finding in Doctor(services.library).examine() if finding.items] == []


def test_backup_restore_and_doctor_keep_where_pictures_came_from(services, site, tmp_path):
    run(services, [Source.of(site.url("/chelsea.png"), author="Ann")])
    archive.backup(services.database, services.storage, tmp_path / "b.zip")
    elsewhere = Settings(data_dir=tmp_path / "new")
    archive.restore(elsewhere, tmp_path / "b.zip")
    restored = build(elsewhere)
    assert [o.author for o in remembered(restored)] == ["Ann"]
    site.asked.clear()
    assert run(restored, [Source.of(site.url("/chelsea.png"))])[0] == {"known": 1}
    assert site.asked == []
    restored.database.engine.dispose()


# ---- Openverse ---------------------------------------------------------------------------------------

def result(site: Site, name: str, **other) -> dict:
    """As https://api.openverse.org/v1/images/ documents one, all fields of it."""
    return {
        "id": "4bc43a04-ef46-4544-a0c1-63c63f56e276", "title": f"Photo of {name}",
        "indexed_on": "2022-08-27T17:39:48Z", "foreign_landing_url": f"https://stocksnap.example/photo/{name}",
        "url": site.url(f"/{name}"), "creator": "Tim Sullivan", "creator_url": "https://www.example.com",
        "license": "by-sa", "license_version": "2.0",
        "license_url": "https://creativecommons.org/licenses/by-sa/2.0/", "provider": "stocksnap",
        "source": "stocksnap", "category": "photograph", "filesize": 896128, "filetype": "jpg",
        "tags": [{"accuracy": None, "name": "tree", "unstable__provider": "stocksnap"}],
        "attribution": f'"Photo of {name}" by Tim Sullivan is licensed under CC BY-SA 2.0.',
        "fields_matched": ["title"], "mature": False, "height": 4016, "width": 6016, "thumbnail": "https://api.example/v1/images/x/thumb/",
        "detail_url": "https://api.example/v1/images/x/", "related_url": "https://api.example/v1/images/x/related/",
        "unstable__sensitivity": [], **other}


class Openverse:
    """Answers in its documented format, in pages."""

    def __init__(self, site: Site):
        self.site, self.results = site, [result(site, name) for name in ("chelsea.png", "rocket.jpg", "coffee.png")]
        site["/v1/images/"] = self
        self.asked: list[dict[str, list[str]]] = []

    def __call__(self, asked: Asked) -> None:
        query = parse_qs(urlsplit(asked.path).query)
        self.asked.append(query)
        size, page = int(query["page_size"][0]), int(query["page"][0])
        if size > 20 and "Authorization" not in asked.headers:
            return asked.send(401, {"Content-Length": "0"})
        body = json.dumps({
            "result_count": len(self.results), "page_count": -(-len(self.results) // size), "page_size": size,
            "page": page, "results": self.results[(page - 1) * size:page * size]}).encode()
        asked.send(200, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body)

    def search(self, query: str = "cat", limit: int = 20, **options) -> list[Source]:
        fetcher = Fetcher(Limits(10**6), private=True)
        return list(openverse.search(fetcher, self.site.url("/v1/"), query, limit, **options))


@pytest.fixture
def api(site) -> Openverse:
    return Openverse(site)


def test_openverse_gives_sources_with_their_licence(api, site):
    api.results[1] |= {"license": "cc0", "license_version": "1.0", "creator": None}
    cat, rocket, _ = api.search("black cat")
    assert cat == Source(
        site.url("/chelsea.png"), None, "Photo of chelsea.png", "Tim Sullivan", "CC BY-SA 2.0",
        "https://creativecommons.org/licenses/by-sa/2.0/", "https://stocksnap.example/photo/chelsea.png")
    assert (rocket.licence, rocket.author) == ("CC0 1.0", None)
    assert api.asked == [{"q": ["black cat"], "license": ["cc0,pdm,by,by-sa"], "page": ["1"], "page_size": ["20"]}]
    assert [s.caption for s in api.search(titles=True, limit=1)] == ["Photo of chelsea.png"]


def test_openverse_is_read_page_by_page_and_no_further_than_wanted(api, site):
    api.results = [result(site, f"{n}.jpg") for n in range(50)]
    assert len(api.search(limit=45)) == 45
    assert [query["page"] for query in api.asked] == [["1"], ["2"], ["3"]]
    assert len(api.search(limit=240)) == 50
    assert len(api.asked) == 6


def test_openverse_results_that_are_no_pictures_are_passed_over(api, site):
    odd = [result(site, "x.svg", filetype="svg"), result(site, "x", url=None), result(site, "x", url="ftp://a/b"),
           result(site, "x", url="http://a/\x1b[2J"), "nonsense", None]
    api.results = [*odd, result(site, "rocket.jpg")]
    assert [s.url for s in api.search(limit=2)] == [site.url("/rocket.jpg")]


def test_openverse_gets_a_token_if_there_is_one_and_a_wrong_one_is_told(api, site):
    api.search(token="abc")
    assert site.asked[0].headers["Authorization"] == "Bearer abc"
    site["/v1/images/"] = (401, {}, b"{}")
    with pytest.raises(Unfetched, match="answered 401 Unauthorized: OPENVERSE_TOKEN is not valid any more"):
        api.search(token="old")
    with pytest.raises(Invalid, match="OPENVERSE_TOKEN holds"):
        api.search(token="a\nb")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"results": 3, "page_count": 1}', b'{"results": []}', b"\xff",
                                  b"[" * 50_000])
def test_openverse_answers_that_it_does_not_document_are_told(api, site, body):
    site["/v1/images/"] = body
    with pytest.raises(Unfetched, match="something else than Openverse's JSON"):
        api.search()


def test_openverse_is_not_asked_what_it_would_not_take(api):
    for query in (" ", "x" * 201):
        with pytest.raises(ServiceError, match="Openverse takes 1 to 200"):
            api.search(query)
    assert api.asked == []


def test_what_openverse_finds_is_stored_with_its_licence_and_not_fetched_again(services, api, site):
    assert run(services, api.search())[0] == {"stored": 3}
    with services.database.read() as session:
        numbers = session.scalars(select(Image.number)).all()
        found = origins.of_images(session, numbers)
    assert {origin.licence for number in numbers for origin in found[number]} == {"CC BY-SA 2.0"}
    assert {image.caption_source for image in services.library.page(9).images} == {"model"}
    site.asked.clear()
    assert run(services, api.search(titles=True))[0] == {"captioned": 3}
    assert [path.partition("?")[0] for path in site.paths] == ["/v1/images/"]


def test_a_caption_that_a_person_wrote_stays_whatever_a_title_says(services, api, photo):
    services.library.add(photo("rocket.jpg"), annotation=Annotation("mine"))
    run(services, api.search(titles=True))
    assert "mine" in {image.caption for image in services.library.page(9).images}
