# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
DEMO   := build/demo

.PHONY: demo test test-fast faults lint lint-style lint-types lint-basedpyright lint-imports docs images changelog wheel lock clean setup

setup: $(VENV)/.installed

.tools/bin/uv:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --target .tools uv

$(VENV)/.installed: pyproject.toml requirements.lock | $(if $(filter .tools/%,$(UV)),.tools/bin/uv)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --constraint requirements.lock --editable '.[train,onnx,openvino,deepusps,dev]'
	touch $@

demo: setup
	rm -rf $(DEMO)
	$(BIN)/maskgen run --dataset sample --output $(DEMO)/shards --background tiled
	$(BIN)/maskgen verify $(DEMO)/shards --full
	$(BIN)/maskgen preview $(DEMO)/shards --output $(DEMO)/preview.png
	$(BIN)/python -m maskgen.loaders $(DEMO)/shards --batch-size 4
	@echo "The contact sheet (photo | mask | overlay | background): $(DEMO)/preview.png"

test: setup
	$(BIN)/python -m pytest

# What can be tested in two minutes: all but what is marked slow and the fault tests.
test-fast: setup
	$(BIN)/python -m pytest -m "not slow and not faults"

# The full figures of the fault tests (an hour); `make test` runs a small form of each.
faults: setup
	$(BIN)/python -m pytest tests/faults tests/pipelines/executors/test_cluster.py --faults=full -n 0 --timeout 7200 -o faulthandler_timeout=0

lint: setup
	$(MAKE) --no-print-directory --jobs 2 lint-types lint-basedpyright lint-imports lint-style

lint-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types:
	$(BIN)/mypy

lint-basedpyright:
	$(BIN)/basedpyright

lint-imports:
	$(BIN)/lint-imports

# The documentation as a site, in build/site.
docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

# Images by docker, podman or buildah, each tried as an ordinary user: make images TARGETS="cpu ray"
images:
	docker/images.sh $(TARGETS)

# What the next release would say.
changelog: $(VENV)/.docs
	$(BIN)/towncrier build --draft

$(VENV)/.docs: $(VENV)/.installed
	$(UV) pip install --quiet --python $(BIN)/python --constraint requirements.lock --editable '.[docs]'
	touch $@

# What a release publishes, wheel and source archive, looked at as the index would.
wheel: $(if $(filter .tools/%,$(UV)),.tools/bin/uv)
	rm -rf build/wheel
	$(UV) build --quiet --out-dir build/wheel
	$(UV) tool run --quiet twine check --strict build/wheel/*.whl build/wheel/*.tar.gz

lock:
	$(UV) pip compile --no-emit-index-url --no-header --generate-hashes --python-version 3.11 --universal --all-extras pyproject.toml --output-file requirements.lock

clean:
	rm -rf build .venv .tools
