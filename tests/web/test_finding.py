"""What a person finds, and how."""
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from imagesearch.annotations import Annotation
from tests.web.conftest import Open, ready
from tests.web.dragging import drop


def captions(page: Page) -> list[str]:
    return page.locator(".tile .caption").all_inner_texts()


def test_the_page_shows_the_newest_first(page: Page):
    expect(page.locator("h1")).to_have_text("5 pictures")
    assert captions(page)[0] == "the black shape of a horse"


def test_results_come_as_one_types_and_the_words_are_marked(page: Page):
    page.keyboard.press("/")
    page.keyboard.type("brown cat")
    expect(page.locator(".tile")).to_have_count(1)
    assert page.locator(".tile mark").all_inner_texts() == ["brown", "cat"]
    assert re.fullmatch(r"\d+ %", page.locator(".score").inner_text())
    assert page.url.endswith("?q=brown+cat")


def test_a_search_can_be_linked_and_the_back_button_leaves_it(page: Page, stocked, open_page: Open):
    page.locator("#q").fill("coffee")
    expect(page.locator(".tile")).to_have_count(1)
    assert captions(ready(open_page(stocked[1] + "?q=coffee"))) == ["a white cup of coffee on a wooden table"]
    page.go_back()
    expect(page.locator(".tile")).to_have_count(5)
    expect(page.locator("#q")).to_have_value("")


def test_a_search_left_before_its_answer_came_is_asked_for_again(page: Page):
    page.route("**/search?*q=coffee", lambda route: None, times=1)  # never answered
    with page.expect_request("**/search?*q=coffee"):
        page.locator("#q").fill("coffee")
    page.locator("#q").fill("brown cat")
    expect(page.locator(".tile")).to_have_count(1)
    page.locator("#q").fill("coffee")
    expect(page.locator(".tile .caption")).to_have_text(["a white cup of coffee on a wooden table"])


def test_a_suggestion_is_chosen_by_the_keyboard(page: Page):
    page.locator("#q").press_sequentially("roc")
    expect(page.get_by_role("option").first).to_have_text("rocket")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#q")).to_have_attribute("aria-activedescendant", "suggestion-0")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("rocket ")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.locator(".tile .caption")).to_have_text(["a white rocket stands on its launch pad"])


def test_suggestions_that_come_late_leave_the_chosen_one_chosen(page: Page, stocked, photos: Path):
    late, chosen = [], page.locator("[role=option][aria-selected=true]")
    page.route("**/search/suggest?q=roc", lambda route: late.append(route))
    page.locator("#q").fill("ro")
    expect(page.get_by_role("option")).to_have_text(["rocket"])
    with page.expect_request("**/search/suggest?q=roc"):
        page.locator("#q").press("c")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_text("rocket")
    stocked[0].library.add((photos / "clock_motion.png").read_bytes(), "clock.png", Annotation("a rock"))
    late[0].continue_()
    expect(page.get_by_role("option")).to_have_count(2)
    expect(chosen).to_have_text("rocket")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("rocket ")


def test_signs_before_the_first_word_are_no_error(page: Page):
    page.locator("#q").fill("coffee")
    expect(page.locator(".tile")).to_have_count(1)
    for text in ('"', "-c"):
        page.locator("#q").fill(text)
        page.wait_for_timeout(300)  # longer than the pause after which what is typed is searched for
        expect(page.get_by_text("That did not work")).to_be_hidden()
    for text, sent in (("-cat dog", "-cat+dog"), ('-"horse"', "-%22horse%22")):
        with page.expect_request(f"**/search?*q={sent}*"):
            page.locator("#q").fill(text)


@pytest.mark.parametrize(("caption", "word", "marked"), [
    ("Cafés", "cafe", "Cafés"), ("कुत्ता घर", "कुत्ता", "कुत्ता"), ("カラス", "ガラス", ""), ("ガラス", "ガラス", "ガラス")])
def test_the_words_marked_are_those_that_were_found(page: Page, caption: str, word: str, marked: str):
    assert page.evaluate("""async ([caption, word]) => (await import("/static/js/match.js")).marked(caption, [word])
        .filter((node) => node.nodeType).map((node) => node.textContent).join(" ")""", [caption, word]) == marked


def test_a_word_half_typed_finds_what_it_will_find(page: Page):
    page.locator("#q").press_sequentially("rocke")
    expect(page.locator("h1")).to_have_text("1 picture for “rocket”")
    expect(page.locator(".tile mark")).to_have_text("rocket")


def test_chips_narrow_to_one_subject_with_its_colour(page: Page):
    page.locator("[data-chip='colour white']").click()
    expect(page.locator("[data-chip='colour white']")).to_have_attribute("aria-pressed", "true")
    page.locator("[data-chip='subject rocket']").click()
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.locator(".tile .bound")).to_have_text("white rocket, stand")
    assert "colour=white" in page.url
    assert "subject=rocket" in page.url


def test_a_mouse_reaches_the_last_chip_and_the_page_keeps_its_place(page_with_bars: Page, stocked, photos: Path):
    tags = [f"a tag of several words {number}" for number in range(6)]
    stocked[0].library.add((photos / "clock_motion.png").read_bytes(), "clock.png", Annotation("a clock", tags))
    page = page_with_bars
    ready(page.goto(stocked[1]) and page)
    last, row = page.locator(".chip").last, page.locator(".chips").bounding_box()
    below = page.locator(".line").bounding_box()["y"]
    expect(last).not_to_be_in_viewport()
    page.mouse.move(row["x"] + 100, row["y"] + row["height"] - 5)
    page.mouse.down()
    page.mouse.move(row["x"] + row["width"], row["y"] + row["height"] - 5, steps=5)
    page.mouse.up()
    expect(last).to_be_in_viewport(ratio=1)
    page.locator("#q").fill("xylophone")  # no chips, no bar
    expect(page.locator(".chip")).to_have_count(0)
    assert page.locator(".line").bounding_box()["y"] == below


def test_nonsense_finds_nothing_and_the_page_says_so(page: Page):
    page.locator("#q").fill("xylophone")
    expect(page.get_by_role("heading", name="Nothing is close enough")).to_be_visible()
    page.get_by_role("button", name="Loosen the cut-off").click()
    page.wait_for_url("**strictness=loose")


def test_the_cut_off_can_be_loosened_until_nothing_is_cut_off(page: Page):
    page.locator("#q").fill("white")
    loosen = page.locator(".cutoff").get_by_role("button", name="Loosen")
    loosen.click()
    page.wait_for_url("**strictness=loose")
    loosen.click()
    page.wait_for_url("**min_score=0")
    expect(page.locator(".cutoff")).to_contain_text("however far off")
    expect(loosen).to_have_count(0)
    page.get_by_role("button", name="Tighten").click()
    page.wait_for_url("**strictness=loose")


def test_the_cut_off_moves_on_before_the_answer_has_come(page: Page):
    page.locator("#q").fill("white")
    loosen = page.locator(".cutoff").get_by_role("button", name="Loosen")
    expect(loosen).to_be_visible()
    page.route("**/search?strictness=loose*", lambda route: None)  # never answered
    loosen.click()
    page.wait_for_url("**strictness=loose")
    loosen.click()
    page.wait_for_url("**min_score=0")


def test_a_picture_dropped_on_the_box_finds_itself(page: Page, photos: Path):
    drop(page, ".search", photos / "coffee.png")
    expect(page.locator(".tile .score").first).to_have_text("100 %")
    assert captions(page)[0] == "a white cup of coffee on a wooden table"
    expect(page.locator(".query")).to_contain_text("Pictures like this one")
    page.get_by_role("button", name="Search by words again").click()
    expect(page.locator(".tile")).to_have_count(5)


def test_more_like_this_leaves_the_picture_itself_out(page: Page):
    page.locator(".tile", has_text="coffee").hover()
    page.get_by_role("button", name="More like this: a white cup of coffee").click()
    page.wait_for_url("**like=*")
    expect(page.locator(".query")).to_contain_text("a white cup of coffee")
    expect(page.locator(".tile", has_text="coffee")).to_have_count(0)

