# The words people remember. `make run` and `make test` set themselves up; nothing else has to be installed first.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell \
	$(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
PIPENV := .cache/pipenv/bin/pipenv
DATA ?= ../shared/data/flickr8k
SPLITS = --photos $(DATA)/images --captions $(DATA)/captions.tsv --train $(DATA)/train.txt --dev $(DATA)/dev.txt
export PIPENV_VENV_IN_PROJECT = 1
export PIPENV_IGNORE_VIRTUALENVS = 1
export PIPENV_VERBOSITY = -1
RUN := .venv/bin/python

.PHONY: run demo test test-web screenshots lint bench train train-taggers evaluate clean help

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /	/' | expand -t 16

run: .venv/.serving  ## start the service on http://127.0.0.1:8000 (HOST and PORT change that)
	.venv/bin/gunicorn app:app

demo: .venv/.testing  ## fill the service with a handful of free photos
	$(RUN) -m imagesearch demo

test: .venv/.training  ## run all the tests
	$(RUN) -m pytest

test-web: .venv/.testing  ## drive the gallery in a real browser; installs one where none is found
	@command -v chromium chromium-browser google-chrome >/dev/null || $(RUN) -m playwright install --with-deps chromium
	$(RUN) -m pytest tests/web

screenshots: .venv/.training  ## take the README's pictures of the gallery anew, from free photos
	$(RUN) -m docs.screenshots

lint: .venv/.training  ## check style, types and the directions of imports
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	.venv/bin/lint-imports

bench: .venv/.training  ## measure speed and memory against the usual tutorial pipeline
	$(RUN) -m benchmarks

train: .venv/.training  ## train captioner, joint space, similarity and taggers anew on DATA (see the README)
	$(RUN) -m captioning.training all $(SPLITS)
	$(RUN) -m captioning.training.similarity fit vgg16 --photos $(DATA)/images --names $(DATA)/train.txt
	$(MAKE) train-taggers

train-taggers: .venv/.training  ## train the taggers alone
	$(RUN) -m captioning.training.taggers train $(SPLITS)

evaluate: .venv/.training  ## measure the shipped models on the development split of DATA
	$(RUN) -m captioning.training evaluate $(SPLITS)

clean:  ## forget what was installed and cached; pictures and weights stay
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache

# ---- setting up: each stamp holds what the one before it holds, and more ---------------------------------

.venv/.serving: Pipfile.lock | $(PIPENV)
	$(PIPENV) sync --python $(PYTHON)
	@touch $@

.venv/.testing: .venv/.serving
	$(PIPENV) sync --categories "packages dev-packages"
	@touch $@

.venv/.training: .venv/.testing
	$(PIPENV) sync --categories "training"
	@touch $@

$(PIPENV):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found. Name one: make PYTHON=/path/to/python3.12 …"; exit 1; }
	$(PYTHON) -m venv .cache/pipenv || { echo "Python's venv module is missing (on Debian: apt install python3-venv)"; exit 1; }
	.cache/pipenv/bin/pip install --quiet pipenv==2026.10.3
