"""Pictures come in from a person's hand."""
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.web.dragging import drop, paste


def test_dropped_files_are_stored_described_and_shown(page: Page, photos: Path, tmp_path: Path):
    (tmp_path / "notes.png").write_text("no picture at all")
    drop(page, "main", photos / "clock_motion.png", photos / "coffee.png", tmp_path / "notes.png")
    states = page.locator(".tray .state")
    expect(states.filter(has_text="stored")).to_have_count(1)
    expect(states.filter(has_text="already there")).to_have_count(1)
    expect(states.filter(has_text="Refused: This is text")).to_have_count(1)
    expect(page.locator(".tray h2")).to_have_text("1 file stored, 1 already there, 1 refused")
    expect(page.locator("h1")).to_have_text("6 pictures")
    expect(page.locator(".tray .caption-field").first).not_to_be_empty()


def test_a_pasted_picture_is_stored(page: Page, photos: Path):
    paste(page, photos / "clock_motion.png")
    expect(page.locator(".tray .state")).to_have_text("stored")
    expect(page.locator(".tile")).to_have_count(6)


def test_a_caption_is_edited_where_it_appears_and_found_at_once(page: Page, stocked, photos: Path):
    page.locator(".choose").set_input_files(photos / "clock_motion.png")
    field = page.locator(".tray .caption-field")
    field.fill("the station clock in Zurich")
    with page.expect_response("**/images/*") as answer:
        field.press("Enter")
    assert answer.value.status == 200
    expect(page.locator(".tile .caption").first).to_have_text("the station clock in Zurich")
    assert stocked[0].search.by_text("zurich").hits[0].image.caption_source == "user"


def test_leaving_while_files_are_on_their_way_asks_first(page: Page, photos: Path):
    page.route("**/upload", lambda route: None)  # never answered
    page.locator(".choose").set_input_files(photos / "clock_motion.png")
    expect(page.locator(".tray progress")).to_be_visible()
    with page.expect_event("dialog") as asked:
        page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.accept()


