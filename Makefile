# make run: the demo company on this machine; make test: the whole suite; make check: what CI runs.
SHELL := /bin/bash
PY := .venv/bin/python
UV := .venv/bin/uv
# Every process that starts would compile a thousand modules again.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE VIRTUAL_ENV CONDA_PREFIX

.PHONY: run env env-test browser lint test check bench drills lock messages clean

.venv/bin/uv: requirements-uv.lock
	@# Debian keeps the module that puts pip into environments in a package of its own; the machine's pip serves as well.
	python3 -m venv .venv 2>/dev/null && .venv/bin/python -m pip --version >/dev/null 2>&1 \
	  || python3 -m venv --clear --without-pip .venv
	.venv/bin/python -m pip --version >/dev/null 2>&1 \
	  && .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock \
	  || python3 -m pip --python .venv/bin/python install --quiet --require-hashes -r requirements-uv.lock
	@touch $@

.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/uv
	$(UV) pip install --python $(PY) --quiet --require-hashes -r requirements.lock
	$(UV) pip install --python $(PY) --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/.test: requirements-test.lock pyproject.toml | .venv/.runtime
	$(UV) pip install --python $(PY) --quiet --require-hashes -r requirements-test.lock
	@touch $@

env: .venv/.runtime
env-test: .venv/.test

run: env
	@$(PY) -m tierflow demo

# Browser tests need Debian's chromium and a Chinese font; elsewhere they are skipped, loudly.
browser:
	@{ command -v chromium || command -v chromium-browser; } >/dev/null && fc-list :lang=zh | grep -q . || \
	  { echo "Installing chromium and fonts-noto-cjk"; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null; } || \
	  echo "WARNING: Chromium cannot be installed here: every browser test WILL BE SKIPPED" >&2

lint: env-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports
	$(PY) -m mypy

test: env-test browser
	$(PY) -m pytest -n 2 --dist loadgroup

check: lint test

bench: env-test
	$(PY) -m bench

drills: env-test
	$(PY) -m tests.drills

lock: .venv/bin/uv
	$(UV) pip compile pyproject.toml --extra build --universal --generate-hashes --no-header --no-annotate -o requirements.lock
	$(UV) pip compile pyproject.toml --extra build --extra test --universal --generate-hashes --no-header --no-annotate -o requirements-test.lock

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .hypothesis
