# Every target works on its own from a fresh clone: the first one makes .venv.
PYTHON ?= python3
CHAPTER ?=
SETTING ?=
TESTS ?= tests $(wildcard notebooks)

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
# Two threads everywhere, so that stored numbers do not depend on the machine's core count.
THREADS := OMP_NUM_THREADS=2
# The limits are for what hangs: the slowest cell takes two minutes, a kernel starts in a second.
NBVAL := --nbval-lax --nbval-current-env --nbval-sanitize-with=tools/check/sanitize.cfg \
	--nbval-cell-timeout=3600 --nbval-kernel-startup-timeout=600

.DEFAULT_GOAL := help
.PHONY: help book notebooks stale lab serve test test-portable test-colab test-fast lock checkpoints wheel clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: $(READY)  ## execute stale chapters, render the book, say where to open it
	@$(PY) -m tools.chapters execute --stale
	@$(PY) -m tools.book.render

notebooks: $(READY)  ## execute every chapter afresh and store its outputs (CHAPTER=01 for one)
	@$(PY) -m tools.chapters execute $(CHAPTER)

stale: $(READY)  ## list the chapters that are stale, and what has changed
	@$(PY) -m tools.chapters stale

lab: $(READY)  ## open the chapters in JupyterLab
	@$(VENV)/bin/jupyter lab --notebook-dir=notebooks

serve: book  ## render the book and serve it on http://localhost:8000
	@$(PY) -m http.server 8000 --directory _build/html

test: $(READY)  ## everything that must hold: library, chapters, book, wheel
	@$(THREADS) $(PY) -m pytest $(TESTS) $(NBVAL)

test-portable: $(READY)  ## make test four times, as other processors run it (SETTING=avx2 TESTS=tests/test_vit.py for less)
	@$(THREADS) $(PY) -m tools.check.portable $(addprefix --setting=,$(SETTING)) $(TESTS) $(NBVAL)

test-colab: $(READY)  ## every chapter on Google Colab's versions, present and oldest (CHAPTER=01 RUNTIME=oldest for less)
	@$(PY) -m tools.check.colab $(addprefix --runtime=,$(RUNTIME)) $(CHAPTER)

test-fast: $(READY)  ## linters and the tests that take seconds
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports --no-cache
	@OMP_NUM_THREADS=1 $(PY) -m pytest tests -m "not slow" -n 2 --dist loadfile

lock: $(READY)  ## compile requirements.txt from pyproject.toml
	@$(VENV)/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras \
		--no-header --no-emit-index-url --no-emit-find-links --quiet -o requirements.txt

checkpoints: $(READY)  ## train the checkpoints that ship in data/
	@$(THREADS) $(PY) -m experiments.checkpoints

wheel: $(READY)  ## build the wheel into dist/
	@$(VENV)/bin/uv build --quiet --wheel --no-build-isolation --python $(PY) -o dist

clean:  ## remove what the book build made; .venv stays
	@rm -rf _build node_modules book/_static/vendor

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) tools/environment/bootstrap.py
