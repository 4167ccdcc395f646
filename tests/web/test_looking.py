"""The viewer: one picture, what is known of it, and what can be done with it."""
from playwright.sync_api import Page, expect

from imagesearch.errors import NotFound
from imagesearch.origins import Source, remember
from tests.web.conftest import Open, ready


def open_first(page: Page) -> None:
    page.locator(".open").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_arrows_walk_and_escape_gives_the_focus_back(page: Page):
    open_first(page)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".details .caption-field")).to_have_value("a white rocket stands on its launch pad")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(":focus img")).to_have_attribute("alt", "a white rocket stands on its launch pad")


def test_a_finger_walks_too(stocked, open_page: Open):
    page = ready(open_page(stocked[1], viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True))
    page.locator(".open").first.tap()
    finger = page.context.new_cdp_session(page)
    for kind, x in (("touchStart", 300), ("touchMove", 200), ("touchMove", 100), ("touchEnd", None)):
        points = [] if x is None else [{"x": x, "y": 300}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(page.locator(".details .caption-field")).to_have_value("a white rocket stands on its launch pad")


def test_the_back_button_closes_the_viewer(page: Page):
    open_first(page)
    assert "image=" in page.url
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "image=" not in page.url


def test_zoom_takes_the_original(page: Page):
    open_first(page)
    page.keyboard.press("z")
    expect(page.locator(".frame img")).to_have_attribute("src", "/images/" + page.url.split("image=")[1] + "/file")
    assert "scale(2)" in page.locator(".frame img").get_attribute("style")


def test_a_tag_is_added_and_taken_off(page: Page, stocked):
    open_first(page)
    page.get_by_label("Add a tag").fill("silhouette")
    page.keyboard.press("Enter")
    expect(page.locator(".details .tags .user")).to_have_text(["silhouette"])
    assert [hit.image.filename for hit in stocked[0].search.by_text("silhouette").hits] == ["horse.png"]
    page.get_by_role("button", name="Take off the tag silhouette").click()
    expect(page.locator(".details .tags .user")).to_have_count(0)


def test_a_deleted_picture_comes_back_by_undo(page: Page, stocked):
    open_first(page)
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("h1")).to_have_text("4 pictures")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("h1")).to_have_text("5 pictures")
    assert stocked[0].library.count() == 5


def test_a_picture_deleted_among_results_is_gone_from_all_pictures_too_until_the_undo(page: Page):
    page.locator("#q").fill("coffee")
    expect(page.locator(".tile")).to_have_count(1)
    open_first(page)
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".tile")).to_have_count(0)
    page.wait_for_url("**/?q=coffee")  # the viewer has left the history
    page.go_back()
    expect(page.locator("h1")).to_have_text("4 pictures")
    expect(page.locator(".tile")).to_have_count(4)
    page.go_forward()
    page.get_by_role("button", name="Undo").click()
    page.go_back()
    expect(page.locator("h1")).to_have_text("5 pictures")
    expect(page.locator(".tile")).to_have_count(5)


def test_an_undo_among_all_pictures_brings_back_what_was_deleted_among_results(page: Page):
    page.locator("#q").fill("coffee")
    expect(page.locator(".tile")).to_have_count(1)
    open_first(page)
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/?q=coffee")
    page.go_back()
    expect(page.locator("h1")).to_have_text("4 pictures")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("h1")).to_have_text("5 pictures")
    expect(page.locator(".tile")).to_have_count(5)


def test_a_lesson_is_seen_on_what_the_back_button_comes_back_to(page: Page):
    open_first(page)
    page.get_by_label("Add a tag").fill("silhouette")
    page.keyboard.press("Enter")
    expect(page.locator(".details .tags .user")).to_have_text(["silhouette"])
    page.keyboard.press("Escape")
    page.locator("#q").fill("coffee")
    expect(page.locator(".tile")).to_have_count(1)
    with page.expect_request("**/images?*"):
        page.go_back()


def test_a_picture_is_deleted_for_good_when_the_page_is_left(page: Page, stocked):
    library = stocked[0].library
    open_first(page)
    id = page.url.split("image=")[1]
    page.get_by_role("button", name="Delete").click()
    assert library.count() == 5
    page.goto("about:blank")
    for _ in range(50):
        try:
            library.get(id)
        except NotFound:
            break
        page.wait_for_timeout(50)
    assert library.count() == 4


def test_the_caption_is_heard(page: Page):
    open_first(page)
    with page.expect_response("**/audio*") as answer:
        page.get_by_role("button", name="Play the caption").click()
    assert answer.value.status in {200, 206}
    assert answer.value.headers["content-type"] == "audio/wav"


def test_a_picture_from_the_web_names_its_author_and_licence(page: Page, stocked):
    [image] = [i for i in stocked[0].library.page(10).images if i.filename == "horse.png"]
    source = Source.of("https://example.org/1.png", title="Horse <b>", author="Ann", licence="CC BY 4.0",
                       licence_url="https://example.org/by", page="https://example.org/1")
    with stocked[0].database.write() as session:
        remember(session, image.number, source)
    open_first(page)
    expect(page.locator(".credit li")).to_have_text("Horse <b> by Ann, CC BY 4.0")
    expect(page.get_by_role("link", name="CC BY 4.0")).to_have_attribute("href", "https://example.org/by")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".credit")).to_be_hidden()
