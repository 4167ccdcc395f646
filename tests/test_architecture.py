"""The house keeps its shape: who may import whom, and what serving never loads."""
import subprocess
import sys

TRAINING = ("tensorflow", "keras", "torch", "nltk", "sklearn", "matplotlib")


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_imports_point_only_in_the_agreed_directions():
    from importlinter.cli import lint_imports

    assert lint_imports(cache_dir=None) == 0


def test_the_running_service_has_loaded_no_training_framework():
    code = ("import sys, tempfile, pathlib\n"
            "from imagesearch.bootstrap import build\n"
            "from imagesearch.config import Settings\n"
            "import app\n"
            "build(Settings(data_dir=pathlib.Path(tempfile.mkdtemp()))).warm()\n"
            f"print([name for name in {TRAINING!r} if name in sys.modules])")
    assert python(code).strip() == "[]"


def test_importing_the_application_loads_nothing_heavy():
    heavy = ("openvino", "pillow_heif", "alembic", *TRAINING)
    assert python(f"import sys, app; print([n for n in {heavy!r} if n in sys.modules])").strip() == "[]"


def test_the_process_that_only_looks_after_the_others_loads_little():
    heavy = ("sqlalchemy", "numpy", "pydantic", "openvino")
    code = f"import runpy, sys; runpy.run_path('gunicorn.conf.py'); print([n for n in {heavy!r} if n in sys.modules])"
    assert python(code).strip() == "[]"
