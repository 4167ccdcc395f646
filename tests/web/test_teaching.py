"""One lesson, by a click: this picture follows, others do, and it can be taken back."""
import io

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect

from imagesearch.annotations import Annotation
from tests.web.conftest import Open, ready


@pytest.fixture
def two_cats(stocked, photos, open_page: Open) -> Page:
    """The gallery with a cat and its mirror image, the cat open."""
    services, address = stocked
    if services.library.tagging is None:
        pytest.skip("no tagger is installed in models/, so there is nothing to teach")
    mirrored = io.BytesIO()
    ImageOps.mirror(Image.open(photos / "chelsea.png")).save(mirrored, "PNG")
    services.library.add(mirrored.getvalue(), "mirrored.png", Annotation("the same cat from the other side"))
    page = ready(open_page(address))
    page.locator(".tile", has_text="brown cat").locator(".open").click()
    return page


def names(services) -> dict[str, set[str]]:
    return {image.filename: {tag.name for tag in image.tags} for image in services.library.page(10).images}


def test_a_new_tag_reaches_the_picture_that_looks_like_it_and_undo_takes_it_back(two_cats: Page, stocked):
    two_cats.get_by_label("Add a tag").fill("tabby")
    two_cats.keyboard.press("Enter")
    expect(two_cats.locator(".lesson")).to_contain_text("1 other picture gained “tabby”")
    assert {name for name, tags in names(stocked[0]).items() if "tabby" in tags} == {"chelsea.png", "mirrored.png"}
    two_cats.get_by_role("button", name="Show them").click()
    expect(two_cats.locator(".tile")).to_have_count(2)
    two_cats.locator(".tile", has_text="brown cat").locator(".open").click()
    two_cats.locator(".lesson").get_by_role("button", name="Undo").click()
    expect(two_cats.locator(".lesson")).to_have_count(0)
    expect(two_cats.get_by_label("Take off the tag tabby")).to_have_count(0)
    assert not any("tabby" in tags for tags in names(stocked[0]).values())


def test_a_suggested_tag_is_accepted_by_one_click(two_cats: Page, stocked):
    yes = two_cats.locator(".teach").get_by_role("button", name="Yes, ").first
    tag = yes.get_attribute("aria-label").removeprefix("Yes, ")
    yes.click()
    expect(two_cats.get_by_role("button", name=f"Take off the tag {tag}")).to_be_visible()
    [image] = [i for i in stocked[0].library.page(10).images if i.filename == "chelsea.png"]
    assert (tag, "user") in {(t.name, t.source) for t in image.tags}


def test_a_rejected_tag_does_not_come_back(two_cats: Page, stocked):
    no = two_cats.locator(".teach").get_by_role("button", name="No, not ").first
    tag = no.get_attribute("aria-label").removeprefix("No, not ")
    no.click()
    expect(two_cats.locator(".lesson")).to_contain_text(f"Unlearnt “{tag}”")
    expect(two_cats.get_by_role("button", name=f"No, not {tag}", exact=True)).to_have_count(0)
    assert tag not in names(stocked[0])["chelsea.png"]
