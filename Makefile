# make run    set up what is missing and open the window; FILE=examples/mnist.flow opens a file
# make test   set up what is missing and run the quick tests: one of each kind, some 6 minutes
# make test-all  those, and then all the others
# make test-nightly  every float32 bit pattern, many random graphs, examples with five seeds, and
#             what tests/volumes.py lists: 100 000 sequences of edits, 10 000 kills, a long session
# make test-peers    the same graphs in JAX and layers in PyTorch; PEERS_PYTHON=a python with both,
#                    and in TensorFlow; TENSORFLOW_PYTHON=a python with that; and ONNX's cases
#                    of nodes; ONNX_PYTHON=a python with onnx 1.22.0; and event files in
#                    TensorBoard; TENSORBOARD_PYTHON=a python with tensorboard and tensorboardX
# make test-pages   web pages in headless Chromium (Debian and Ubuntu: apt-get install chromium);
#                    CHROMIUM=its program, PAGE_PICTURES=a folder for pictures to look at
# make lint   format, style, types, and the layer contracts
# make docs   the documentation site, in build/docs
# make bundle  a folder with nodeflow that needs no Python, and its archive, in build/bundle
# make bundle-test  the same in a bare Debian, with its window; needs root, debootstrap and xdotool
# make lock   write requirements-dev.lock again; UPGRADE=1 takes new versions
#
# Needs python3 (3.11 or newer; another one: make PYTHON=python3.13 run), make and git.

PYTHON ?=
export PYTHON
BIN := .venv/bin
SETUP := pyproject.toml requirements-dev.lock tools/setup.sh tools/apt.sh tools/qt_libraries.py
JOBS ?= 2

.PHONY: run test test-all test-rest test-nightly test-peers test-pages docs lint lint-format lint-style lint-types lint-layers format bundle bundle-test lock clean
.DEFAULT_GOAL := run

run: .venv/.ready-run
	@$(BIN)/nodeflow $(FILE)

# Tests marked thorough are left to `make test-all`. Those marked serial need the cores for
# themselves, so they run alone, after the others (pytest's 5: there are none).
PYTEST := $(BIN)/python -m pytest -q -p tests.progress -o console_output_style=classic
SERIAL := $(shell grep -rlE "mark\.(serial|display)" tests --include=test_*.py)
test: .venv/.ready-test
	$(PYTEST) -n $(JOBS) --dist worksteal -m "not thorough and not serial"
	$(PYTEST) -m "serial and not thorough" $(SERIAL)

test-all: test test-rest
test-rest: .venv/.ready-test
	$(PYTEST) -n $(JOBS) --dist worksteal -m "thorough and not serial"
	$(PYTEST) -m "serial and thorough" $(SERIAL) || [ $$? -eq 5 ]

# What the nightly setting enlarges: volumes, shares of them and seeds are in tests/volumes.py.
# NIGHTLY_SHARE=0.1 does a tenth; FIRST_SEED goes on where the last night stopped.
NIGHTLY_SHARE ?= 1
FIRST_SEED ?= 0
NIGHTLY := tests/engine/test_every_bit.py tests/engine/test_random_graphs.py \
           tests/engine/test_examples_agree.py tests/programs tests/document/test_merge.py \
           tests/document/test_resolve.py \
           tests/document/test_edit_sequences.py tests/document/test_journal_kills.py \
           tests/document/test_hostile_files.py tests/document/test_large_files.py \
           tests/data/test_spoilt_files.py tests/ui/test_hostile_files.py \
           tests/integrations/onnx/test_spoilt_models.py \
           tests/host/test_live_edits.py tests/faults
NIGHTLY_ALONE := tests/host/test_random_kills.py tests/train/test_random_training_kills.py \
                 tests/run_store/test_random_run_kills.py tests/ui/test_window_kills.py \
                 tests/ui/test_soak.py $(wildcard tests/integrations/*/test_many_processes.py)
test-nightly: .venv/.ready-test
	NODEFLOW_NIGHTLY=$(NIGHTLY_SHARE) NODEFLOW_FIRST_SEED=$(FIRST_SEED) $(BIN)/python -m pytest -q \
	  -n $(JOBS) --dist worksteal -rP -o faulthandler_timeout=7200 $(NIGHTLY)
	NODEFLOW_NIGHTLY=$(NIGHTLY_SHARE) NODEFLOW_FIRST_SEED=$(FIRST_SEED) $(BIN)/python -m pytest -q \
	  -rP -o faulthandler_timeout=7200 $(NIGHTLY_ALONE)

test-peers: .venv/.ready-test
	@test -n "$(PEERS_PYTHON)$(TENSORFLOW_PYTHON)$(ONNX_PYTHON)$(TENSORBOARD_PYTHON)" || \
	  { echo "give PEERS_PYTHON, TENSORFLOW_PYTHON, ONNX_PYTHON or TENSORBOARD_PYTHON"; exit 1; }
	PEERS_PYTHON=$(PEERS_PYTHON) TENSORFLOW_PYTHON=$(TENSORFLOW_PYTHON) ONNX_PYTHON=$(ONNX_PYTHON) \
	  TENSORBOARD_PYTHON=$(TENSORBOARD_PYTHON) \
	  $(BIN)/python -m pytest -q -o faulthandler_timeout=7200 tests/peers \
	  $(wildcard tests/integrations/*/test_every_example.py tests/integrations/*/test_beside_*.py)

CHROMIUM ?= chromium
test-pages: .venv/.ready-test
	@command -v $(CHROMIUM) > /dev/null || { echo "install chromium, or give CHROMIUM=a program"; exit 1; }
	CHROMIUM=$(CHROMIUM) PAGE_PICTURES=$(PAGE_PICTURES) $(BIN)/python -m pytest -q tests/pages

# Warnings are errors: a broken reference or an unknown option fails.
docs: .venv/.ready-docs
	$(BIN)/python tools/make_pages.py build/pages/pages
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "build/docs/index.html"

lint: lint-format lint-style lint-types lint-layers

lint-format: .venv/.ready-dev
	$(BIN)/ruff format --check --quiet .
lint-style: .venv/.ready-dev
	$(BIN)/ruff check .
lint-types: .venv/.ready-dev
	$(BIN)/pyright
lint-layers: .venv/.ready-dev
	$(BIN)/lint-imports

format: .venv/.ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Then each part of it that starts a process is tried.
bundle:
	@PYTHON=$(PYTHON) sh packaging/bundle.sh
	$(or $(PYTHON),python3) packaging/try_bundle.py build/bundle/nodeflow

bundle-test: build/bare-root
	$(or $(PYTHON),python3) packaging/try_bundle.py build/bundle/nodeflow build/bare-root
build/bare-root:
	sh packaging/bare_root.sh $@

lock:
	@sh tools/lock.sh

# One stamp per purpose; a purpose is set up again when the files that describe it change.
.venv/.ready-%: $(SETUP)
	@sh tools/setup.sh $*
	@touch $@

clean:
	rm -rf .venv .cache .pytest_cache .ruff_cache build dist
