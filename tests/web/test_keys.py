"""Where a key has been set, the page asks for it once."""
import pytest
from playwright.sync_api import expect

from tests.web.conftest import Open, ready


def test_a_wrong_key_is_refused_and_the_right_one_is_kept(locked, open_page: Open):
    page = open_page(locked[1])
    assert page.url.endswith("/key")
    page.get_by_label("Key").fill("open up")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not known")
    page.get_by_label("Key").fill("sesame")
    page.keyboard.press("Enter")
    expect(ready(page).get_by_role("heading", name="No pictures yet")).to_be_visible()
    [cookie] = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.reload()
    assert not page.url.endswith("/key")


def test_the_key_can_be_forgotten(locked, photos, open_page: Open):
    page = open_page(locked[1])
    page.get_by_label("Key").fill("sesame")
    page.keyboard.press("Enter")
    ready(page).locator(".choose").set_input_files(photos / "clock_motion.png")
    expect(page.locator(".tray .state")).to_have_text("stored")
    page.get_by_label("Menu").click()
    page.get_by_role("button", name="Forget the key").click()
    page.wait_for_url("**/key")
    assert page.context.cookies() == []


@pytest.mark.parametrize("origin", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_sites_page_cannot_use_the_session(locked, open_page: Open, origin):
    page = open_page(locked[1])
    page.get_by_label("Key").fill("sesame")
    page.keyboard.press("Enter")
    ready(page)
    answer = page.context.request.post(f"{locked[1]}upload", headers=origin, multipart={"caption": "theirs"})
    assert answer.status == 403
    assert "another site" in answer.json()["detail"]
