"""Ten thousand pictures."""
import hashlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from imagesearch.bootstrap import Services
from imagesearch.db import Image
from tests.web.conftest import Open, ready, served

MANY = 10_000


def fill(services: Services, photo: bytes) -> None:
    """Rows for ten thousand pictures; only the first one has a file."""
    source = services.library.add(photo, "first.png").image
    with services.database.write() as session:
        session.execute(insert(Image), [
            {"id": f"picture-{number}", "sha256": hashlib.sha256(b"%d" % number).hexdigest(), "bytes": 1,
             "filename": f"{number}.png", "format": "PNG", "width": source.width, "height": source.height,
             "caption": f"picture number {number}", "status": "ready"} for number in range(1, MANY)])


@pytest.fixture
def crowded(settings, photo) -> Iterator[str]:
    with served(settings) as (services, address):
        fill(services, photo("clock_motion.png"))
        yield address


def without_thumbnails(page: Page) -> Page:
    """There are none, and asking in vain ten thousand times would take longest of all."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setBlockedURLs", {"urls": ["*/thumbnail*"]})
    return page


def last_shown(page: Page) -> int:
    return page.locator(".tile").last.evaluate("node => Number(node.getAttribute('aria-posinset'))")


def test_ten_thousand_pictures_scroll_to_the_end_with_few_of_them_in_the_page(crowded, open_page: Open):
    page = without_thumbnails(ready(open_page(crowded)))
    expect(page.locator("h1")).to_have_text("10,000 pictures")
    most = 0
    for _ in range(2000):
        if last_shown(page) == MANY:
            break
        page.evaluate("new Promise(done => { scrollTo(0, document.documentElement.scrollHeight);"
                      " requestAnimationFrame(() => requestAnimationFrame(done)) })")
        most = max(most, page.locator(".tile").count())
    assert last_shown(page) == MANY
    assert most < 100
    expect(page.locator(".tile .caption").last).not_to_have_text("picture number 1")  # the oldest is the real one
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator(".tile .caption").first).to_have_text(f"picture number {MANY - 1}")


def test_the_back_button_comes_back_to_the_place_among_all_pictures(crowded, open_page: Open):
    page = without_thumbnails(ready(open_page(crowded)))
    for _ in range(50):
        page.evaluate("scrollTo(0, 6000)")
        if page.evaluate("scrollY") == 6000:
            break
        page.wait_for_timeout(20)
    page.locator("#q").fill("xylophone")
    expect(page.locator("h1")).to_have_text("0 pictures")
    page.go_back()
    expect(page.locator("h1")).to_have_text("10,000 pictures")
    assert page.evaluate("scrollY") == 6000
    page.get_by_role("link", name="Image search: all pictures").click()
    page.wait_for_function("() => scrollY === 0")  # asked for anew, from the newest on


def test_nothing_moves_while_pictures_load(stocked, open_page: Open):
    page = ready(open_page(stocked[1]))
    page.wait_for_load_state("networkidle")
    shifted = page.evaluate("""() => new Promise((done) => {
      new PerformanceObserver((list) => done(list.getEntries().reduce((sum, entry) => sum + entry.value, 0)))
        .observe({type: "layout-shift", buffered: true});
      setTimeout(() => done(0), 300);
    })""")
    assert shifted < 0.01
