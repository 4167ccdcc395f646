"""Runs the measurements one after the other and writes results.json and RESULTS.md beside this file."""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's greetings
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the service does, so that the bare models get their best

from benchmarks import figures, machine, report
from benchmarks.photos import Photos, find
from benchmarks.service import run_import

HERE = Path(__file__).resolve().parent
QUICK = {"photos": 400, "rounds": 3, "each": 15, "tutorial_each": 3, "imported": 150, "requests": 100}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="imagesearch-bench-") as folder:
        work = Path(folder)
        photos = find(options.photos, work / "photos")
        print(f"{len(photos.files):,} photos: {photos.source}")
        found = {"machine": machine.describe(), "photos": {"source": photos.source, "count": len(photos.files)}}
        found |= measured(photos, work, options)
    found["machine"]["load_at_end"] = os.getloadavg()
    (options.out / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (options.out / "RESULTS.md").write_text(report.page(found), encoding="utf-8")
    print(report.page(found))


def measured(photos: Photos, work: Path, options: argparse.Namespace) -> figures.Figures:
    cores, library = len(os.sched_getaffinity(0)), work / "library"
    parts: dict[str, Callable[[], figures.Figures]] = {
        "upload": lambda: figures.upload(photos, work, options.rounds, options.each, options.tutorial_each),
        "import": lambda: figures.importing(photos, work, options.rounds, options.imported, cores),
        "search": lambda: figures.searching(photos, library, work, options.requests),
        "teach": lambda: figures.teaching(library, options.rounds),
        "start": lambda: figures.starting(library, options.rounds),
    }
    found = {}
    for part in (part for part in parts if part in options.only):
        if part in {"search", "teach", "start"} and not library.exists():
            library.mkdir()
            run_import(photos.staged(work / "all-photos"), library)
        before = machine.loop_ms()
        found[part] = parts[part]()
        found[part]["loop_ms"] = (before, machine.loop_ms())
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--photos", type=int, default=7091, help="photos in the library that is searched")
    parser.add_argument("--rounds", type=int, default=5, help="times each measurement is repeated; medians count")
    parser.add_argument("--each", type=int, default=40, help="photos uploaded in a round, 50 at most")
    parser.add_argument("--tutorial-each", type=int, default=8, help="of these, photos the tutorial describes too")
    parser.add_argument("--imported", type=int, default=7091, help="photos imported in a round")
    parser.add_argument("--requests", type=int, default=300, help="searches of each kind")
    parser.add_argument("--out", type=Path, default=HERE, help="where the results go")
    parser.add_argument("--quick", action="store_true", help="a few minutes' smaller version of all of it")
    parser.add_argument("only", nargs="*", default=["upload", "import", "search", "teach", "start"], metavar="PART",
                        help="upload, import, search, teach, start; all if left out")  # fmt: skip
    if parser.parse_args().quick:
        parser.set_defaults(**QUICK)
    return parser.parse_args()
