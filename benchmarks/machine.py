"""Where and with what a measurement was made."""

import datetime
import os
import platform
import re
import statistics
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from captioning import registry
from imagesearch.config import Settings

ROOT = Path(__file__).resolve().parent.parent
THREAD_SETTINGS = (
    "THREADS",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
LIBRARIES = ("openvino", "pillow", "numpy", "sqlalchemy", "flask", "gunicorn", "keras", "tensorflow")


def describe() -> dict[str, Any]:
    settings = Settings.from_environment()
    encoder = registry.card(settings.encoder, settings.models_dir)
    captioner = registry.card(settings.captioner, settings.models_dir)
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "encoder": f"{encoder.name}@{encoder.version}, {encoder.settings.get('side')} px",
        "captioner": f"{captioner.name}@{captioner.version}",
        "threads": {name: os.environ[name] for name in THREAD_SETTINGS if name in os.environ},
        "libraries": {name: version(name) for name in LIBRARIES},
        "load_at_start": os.getloadavg(),
    }


def loop_ms() -> float:
    """Of a fixed loop of plain Python, the median of five. A virtual machine's neighbours can double it within
    seconds, without any load of its own: times taken while it was high are high."""
    return statistics.median(_loop() for _ in range(5))


def _loop() -> float:
    started, total = time.perf_counter(), 0
    for i in range(300_000):
        total += i * i
    return 1000 * (time.perf_counter() - started)


def _processor() -> str:
    """The model name with its flags that decide here: bf16 halves the encoder's time."""
    text = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*:\s*(.+)", text)
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16") if f" {flag} " in text]
    return f"{name[1] if name else platform.machine()} ({', '.join(flags)})"


def _commit() -> str:
    run = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return run.stdout.strip() or "unknown"
