"""The page for everyone: screen reader, keyboard, phone, dark, and whatever a caption holds."""
import re
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from imagesearch.annotations import Annotation
from tests.captioning.pictures import quarters, saved
from tests.web.conftest import Open, ready

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
HOSTILE = '<img src=x onerror=alert(1)>"\'&{{7*7}}'


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=WCAG).response["violations"]
    return [f"{violation['id']}: {node['target']}" for violation in found for node in violation["nodes"]]


@dataclass(frozen=True)
class Screen:
    scheme: str
    width: int


@pytest.fixture(params=[Screen("light", 1280), Screen("dark", 390)], ids=lambda s: f"{s.scheme}-{s.width}")
def screen(request: pytest.FixtureRequest, stocked, open_page: Open) -> Page:
    return ready(open_page(stocked[1], color_scheme=request.param.scheme,
                           viewport={"width": request.param.width, "height": 800}))


def test_axe_finds_nothing_on_any_state_of_the_page(screen: Page):
    assert violations(screen) == []
    screen.locator("#q").fill("white")
    expect(screen.locator(".why").first).to_be_visible()
    assert violations(screen) == []
    screen.locator(".open").first.click()
    expect(screen.get_by_role("dialog")).to_be_visible()
    assert violations(screen) == []
    screen.keyboard.press("Escape")
    screen.locator("#q").fill("xylophone")
    expect(screen.get_by_role("heading", name="Nothing is close enough")).to_be_visible()
    assert violations(screen) == []


@pytest.mark.parametrize("path", ["models", "key", "images/none"])
def test_axe_finds_nothing_on_the_other_pages(path: str, locked, open_page: Open):
    page = open_page(locked[1] + "key")
    page.get_by_label("Key").fill("sesame")
    page.keyboard.press("Enter")
    ready(page)
    page.goto(locked[1] + path)
    assert violations(page) == []


def test_nothing_is_wider_than_a_phone(stocked, open_page: Open):
    page = ready(open_page(stocked[1] + "?q=white", viewport={"width": 320, "height": 640}))
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_keyboard_alone_finds_opens_and_walks(page: Page):
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the pictures")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # past the chips, which come first in the reading order
    while page.evaluate("document.activeElement.matches('.chip')"):
        page.keyboard.press("Tab")
    expect(page.locator(".open").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".open").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_captions_and_names_are_text_whatever_they_hold(stocked, photos, open_page: Open):
    services, address = stocked
    services.library.add((photos / "clock_motion.png").read_bytes(), HOSTILE + ".png", Annotation(HOSTILE, [HOSTILE]))
    page = ready(open_page(address))
    said = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    expect(page.locator(".tile .caption").first).to_have_text(HOSTILE)
    assert page.locator(".open img").first.get_attribute("alt") == HOSTILE
    page.locator("#q").fill("onerror alert")
    expect(page.locator(".tile mark").first).to_be_visible()
    page.locator(".open").first.click()
    expect(page.locator(".details .caption-field")).to_have_value(HOSTILE)
    expect(page.locator(".details .tags .user")).to_contain_text("onerror=alert(1)")
    expect(page.locator(".details dd").first).to_contain_text("onerror=alert(1)")
    assert page.locator("img[src=x]").count() == 0
    assert said == []


@pytest.mark.parametrize("path", ["", "?q=hair"], ids=["the server's tile", "the script's"])
def test_a_picture_one_pixel_wide_is_shown_without_a_complaint(stocked, open_page: Open, path):
    stocked[0].library.add(saved(quarters(1, 20_000), "PNG"), "hair.png", Annotation("a hair"))
    page = open_page("about:blank")
    said = []
    page.on("console", lambda message: said.append(message.text) if "srcset" in message.text else None)
    ready(page.goto(stocked[1] + path) and page)
    assert page.locator(".open img").first.get_attribute("srcset").endswith("?size=640 1w")
    assert said == []


def test_dark_is_dark_and_light_is_light(stocked, open_page: Open):
    def paper(scheme: str) -> int:
        page = open_page(stocked[1], color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3]))

    assert paper("dark") < 100 < 700 < paper("light")


def held(page: Page) -> list[str]:
    """The names of the thumbnails that the worker keeps, the oldest first."""
    urls = page.evaluate("caches.open('thumbnails').then((cache) => cache.keys())"
                         ".then((all) => all.map((request) => request.url))")
    return [url.split("/images/")[1] for url in urls]


def test_a_worker_just_started_lets_go_of_the_oldest_thumbnails_beyond_two_thousand(stocked, open_page: Open):
    page = ready(open_page(stocked[1], service_workers="allow"))
    page.evaluate("""async () => {
        await navigator.serviceWorker.ready;
        await caches.delete("thumbnails");
        const cache = await caches.open("thumbnails");
        for (let n = 0; n < 2100; n++) await cache.put(`/images/${n}/thumbnail`, new Response("small"));
    }""")
    browser = page.context.new_cdp_session(page)
    browser.send("ServiceWorker.enable")
    browser.send("ServiceWorker.stopAllWorkers")
    ready(page.reload() and page)  # which shows five more
    for _ in range(100):
        if len(names := held(page)) <= 2005:
            break
        page.wait_for_timeout(50)
    assert 2000 <= len(names) <= 2005
    assert names[0] != "0/thumbnail"
    assert "2099/thumbnail" in names


def test_without_the_service_the_installed_page_still_opens(stocked, open_page: Open):
    page = ready(open_page(stocked[1], service_workers="allow"))
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    ready(page.reload() and page)  # now by the worker, which keeps the page and its thumbnails
    expect(page.locator(".open img").first).to_have_js_property("complete", True)
    page.context.set_offline(True)
    page.reload()
    expect(ready(page).locator(".tile")).to_have_count(5)
    assert page.evaluate("document.querySelector('.open img').naturalWidth") > 0
