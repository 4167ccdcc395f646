"""Figures → a page to read: what was promised, what was measured, and where."""

from typing import Any

Row = tuple[str, str, str, bool]


def page(found: dict[str, Any]) -> str:
    rows = [row for part, of in _PARTS.items() if part in found for row in of(found)] + _memory(found)
    table = ["| promise | target | measured | met |", "| --- | --- | --- | --- |"]
    table += [
        f"| {what} | {target} | {measured} | {'yes' if met else '**no**'} |" for what, target, measured, met in rows
    ]
    return "\n".join(["# Results of `make bench`", "", *table, "", *_notes(found), "", *_machine(found), ""])


def _upload(found: dict[str, Any]) -> list[Row]:
    times, over = found["upload"]["times_the_tutorial"], found["upload"]["over_models_alone_percent"]
    rates = "{service_images_per_s:.1f} against {tutorial_images_per_s:.2f} images/s".format_map(found["upload"])
    parts = "{service_ms:.1f} ms against {models_alone_ms:.1f} ms".format_map(found["upload"])
    several = found["upload"]["several_over_models_alone_percent"]
    shares = "{several_ms:.1f} ms each against {models_alone_ms:.1f} ms".format_map(found["upload"])
    return [
        ("upload with a generated caption, against the tutorial", "≥ 15 ×", f"{times:.1f} × ({rates})", times >= 15),
        ("upload, one photo a request, above decoder + encoder + captioner alone", "≤ 15 %",
         f"{over:.1f} % ({parts})", over <= 15),
        (f"upload, {found['upload']['photos_each_round']} photos a request, above the same", "≤ 15 %",
         f"{several:.1f} % ({shares})", several <= 15),
    ]


def _import(found: dict[str, Any]) -> list[Row]:
    share = found["import"]["percent_of_models_alone"]
    rates = "{import_images_per_s:.1f} against {models_alone_images_per_s:.1f} images/s".format_map(found["import"])
    return [("`import`, of what encoder + captioner alone reach", "≥ 90 %", f"{share:.0f} % ({rates})", share >= 90)]


def _search(found: dict[str, Any]) -> list[Row]:
    search = found["search"]
    stored = f"{search['stored']:,} photos stored"
    rows = []
    for kind, name, target in (("text", "text search", 5), ("similar", "similar to a stored image", 10)):
        p50, p95 = search[f"{kind}_ms"]["p50"], search[f"{kind}_ms"]["p95"]
        times = search[f"tutorial_{kind}_ms"] / p50
        measured = f"{p50:.1f} ms (p95 {p95:.1f} ms; {times:,.0f} × the tutorial)"
        rows.append((f"{name}, {stored}, p50", f"< {target} ms", measured, p50 < target))
    return rows


def _teach(found: dict[str, Any]) -> list[Row]:
    teach = found["teach"]
    rows = []
    for kind, name in (("new", "a new tag"), ("known", "a tag the model knows")):
        p50, slowest = teach[f"{kind}_tag_ms"]["p50"], teach[f"{kind}_tag_ms"]["max"]
        measured = f"{p50:.0f} ms (slowest {slowest:.0f} ms)"
        rows.append((f"one lesson about {name}, {teach['stored']:,} photos judged anew", "< 1,000 ms", measured,
                     slowest < 1000))
    one = teach["tags_of_one_image_ms"]
    return [*rows, ("the tags of one upload, 50 taught ones among them", "< 2 ms", f"{one:.2f} ms", one < 2)]


def _start(found: dict[str, Any]) -> list[Row]:
    ready, slowest = found["start"]["ready_after_s"], found["start"]["slowest_s"]
    return [("ready after the start of the process", "≤ 2 s", f"{ready:.2f} s (slowest {slowest:.2f} s)", ready <= 2)]


def _memory(found: dict[str, Any]) -> list[Row]:
    peaks = [found[part]["peak_memory_mb"] for part in ("upload", "search") if part in found]
    return (
        [("peak resident memory while serving", "< 500 MB", f"{max(peaks):.0f} MB", max(peaks) < 500)] if peaks else []
    )


_PARTS = {"upload": _upload, "import": _import, "search": _search, "teach": _teach, "start": _start}


def _notes(found: dict[str, Any]) -> list[str]:
    photos, encoder = found["photos"], found["machine"]["encoder"]
    notes = [f"* Photos: {photos['count']:,}, {photos['source']}. Every second one had its own caption in the library."]
    if "upload" in found:
        words, rounds = found["upload"]["tutorial_words"], found["upload"]["rounds"]
        notes += [
            "* The tutorial runs Keras' VGG16 at 224 px (random weights, which cost the same) and writes "
            f"{words} words a caption, as many as the service's captions have, with their end. "
            f"The service's encoder is {encoder}.",
            f"* Upload: one client, {found['upload']['photos_each_round']} new photos a round, {rounds} rounds, "
            "service, models and tutorial turn by turn; the median of the rounds' medians.",
            "* Of several photos in a request sixteen captions are written at once, which takes each of them less; the "
            "models alone describe one photo after the other.",
            "* The least an upload can take over the models: a service with nothing else in it, which decodes, "
            "describes, flushes the file and commits one row, behind the same server and framework (`floor.py`), "
            "takes {floor_ms:.1f} ms in the same run, {floor_over_models_alone_percent:.0f} % more than they."
            .format_map(found["upload"]),
        ]
    loops = ", ".join("{} {:.1f} and {:.1f}".format(part, *found[part]["loop_ms"]) for part in _PARTS if part in found)
    notes.append(f"* A fixed loop of plain Python, in ms before and after each part: {loops}. A virtual machine's "
                 "neighbours can double it, and every time here with it.")
    return [*notes, "* Memory: gunicorn's master and worker added, so that what they share counts twice."]


def _machine(found: dict[str, Any]) -> list[str]:
    machine = found["machine"]
    threads = ", ".join(f"{name}={value}" for name, value in machine["threads"].items()) or "defaults"
    loads = [" ".join(f"{load:.1f}" for load in machine[key]) for key in ("load_at_start", "load_at_end")]
    return [
        f"Measured {machine['date']} at commit {machine['commit']} on {machine['cores']} cores of "
        f"{machine['processor']}, {machine['memory_gb']} GB, {machine['system']}. Thread settings: {threads}. "
        f"Load (1, 5, 15 min) at the start {loads[0]}, at the end {loads[1]}.",
        "",
        ", ".join(f"{name} {version}" for name, version in machine["libraries"].items()) + ".",
    ]
