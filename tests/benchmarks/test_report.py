"""The page of results says of every promise whether it was kept."""

from benchmarks import machine, report

UPLOAD = {
    "times_the_tutorial": 20.0,
    "over_models_alone_percent": 15.1,
    "service_images_per_s": 40.0,
    "tutorial_images_per_s": 2.0,
    "service_ms": 25.0,
    "models_alone_ms": 21.7,
    "several_ms": 22.0,
    "several_over_models_alone_percent": 1.4,
    "floor_ms": 24.0,
    "floor_over_models_alone_percent": 10.6,
    "tutorial_words": 10,
    "rounds": 5,
    "photos_each_round": 40,
    "peak_memory_mb": 400.0,
    "loop_ms": (9.0, 9.1),
}
SPREAD = {"p50": 4.0, "p95": 9.0, "max": 20.0}
SEARCH = {
    "text_ms": SPREAD,
    "similar_ms": SPREAD,
    "tutorial_text_ms": 1000.0,
    "tutorial_similar_ms": 2000.0,
    "stored": 7091,
    "peak_memory_mb": 510.0,
    "loop_ms": (9.0, 16.5),
}


def page(**parts: object) -> str:
    found = {"machine": machine.describe() | {"load_at_end": (0.0, 0.0, 0.0)}}
    return report.page(found | {"photos": {"source": "Flickr8k", "count": 7091}} | parts)


def test_kept_and_broken_promises_are_told_apart():
    lines = page(upload=UPLOAD).splitlines()
    assert any("20.0 × (40.0 against 2.00 images/s) | yes" in line for line in lines)
    assert any("15.1 % (25.0 ms against 21.7 ms) | **no**" in line for line in lines)
    assert any("1.4 % (22.0 ms each against 21.7 ms) | yes" in line for line in lines)


def test_the_least_that_an_upload_can_take_is_told_beside_what_it_takes():
    assert "takes 24.0 ms in the same run, 11 % more than they" in page(upload=UPLOAD)


def test_the_largest_memory_of_all_parts_counts():
    assert "510 MB | **no**" in page(upload=UPLOAD, search=SEARCH)
    assert "400 MB | yes" in page(upload=UPLOAD)


def test_searches_are_compared_with_the_tutorials_loops():
    assert "4.0 ms (p95 9.0 ms; 250 × the tutorial) | yes" in page(search=SEARCH)


def test_the_page_names_the_machine_and_no_place_on_it():
    text = page(search=SEARCH)
    assert "cores of" in text
    assert str(machine.ROOT) not in text


def test_the_page_tells_how_fast_the_machine_was_meanwhile():
    assert "search 9.0 and 16.5" in page(search=SEARCH)
    assert machine.loop_ms() > 0
