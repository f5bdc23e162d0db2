# make demo   a synthetic case is made, its vertebrae are found, scored and drawn
# make test   the fast tests
# make lint   style, types, and that imports point one way
# make check-slow, make check-real   minutes long; the latter needs real CT in ../shared
# make fuzz   thousands of damaged files for the readers; COUNT=... of each kind
# make audit  known weaknesses of the pinned requirements; asks the network
# make image-test   builds the container image and compares its answers; CT=... takes your scans
# make heldout  the frozen synthetic cases, COUNT=... of them, into build/heldout
# make heldout-people  the second frozen set, whose people are later ones, into build/heldout-people
# make bench  the machine's limit, each network's share of it, seconds and memory of cases; SHORT=1
# make bench-gpu  answers beside the CPU's, times, precisions and memory of a GPU; SHORT=1 in small
# make bench-metrics  seconds and memory of the metrics beside other libraries
# make docs   builds the documents as a site in build/site
# make docs-reference, make docs-figures   write docs/commands.md and the figures in docs/pictures
# make clean  removes what the targets made, the environment too

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# The cases are those of these commits' own code, so that later people leave the figures comparable:
# the first set's people stand as 193 VerSe volumes say, the second's as the keypoints of 1 290 people.
heldout: HELDOUT := d4b980e18ffe5f2fcf462c8eebeb3ec99eb8a67e
heldout-people: HELDOUT := 68136c31495019bdc60e44261924af001a21d08a
COUNT_HELDOUT = $(or $(COUNT),40)

.PHONY: docs docs-reference docs-figures demo test lint check-slow check-real fuzz audit image-test heldout heldout-people bench bench-gpu bench-metrics clean

demo: $(READY)
	rm -rf demo
	$(BIN)/versectl synth demo/in --count 1 --seed 7
	$(BIN)/versectl run-all demo/in demo/out --preview
	$(BIN)/versectl evaluate --pred demo/out --gt demo/in
	@echo
	@echo "Look at the picture: $$(ls demo/out/*_preview.png)"
	@echo "The masks, centroids and the report lie beside it."

# A test process that dies ends the run; without the limit pytest-xdist waits for it for ever.
test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart=0 -m "not slow and not real"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

check-slow: $(READY)
	$(BIN)/python -m pytest -m slow

check-real: $(READY)
	$(BIN)/python -m pytest -m real -rs

fuzz: $(READY)
	$(BIN)/python tests/fuzz.py $(COUNT)

# In an environment of its own: it is no part of what it looks at.
audit: $(READY)
	test -x build/audit/bin/pip-audit || { $(PYTHON) -m venv build/audit \
	  && build/audit/bin/python -m pip install --quiet pip-audit==2.10.1; }
	build/audit/bin/pip-audit --strict --requirement requirements.txt

image-test: $(READY)
	VERSECTL=$(CURDIR)/$(BIN)/versectl tests/image_test.sh $(CT)

heldout heldout-people: $(READY)
	git cat-file -e $(HELDOUT)^{commit} || git fetch origin $(HELDOUT)
	mkdir -p build/$@-code
	git archive $(HELDOUT) versectl | tar -x -C build/$@-code
	cd build/$@-code && $(CURDIR)/$(BIN)/python -m versectl synth $(CURDIR)/build/$@ \
	  --count $(COUNT_HELDOUT) --seed 1000

bench: $(READY)
	$(BIN)/python -W ignore -m benchmarks.speed.bench $(if $(SHORT),--short)

bench-gpu: $(READY)
	$(BIN)/python -W ignore -m benchmarks.gpu.bench_gpu $(if $(SHORT),--short)

# In an environment of its own: the libraries compared with are large, torch among them.
bench-metrics:
	test -x build/bench/bin/python || $(PYTHON) -m venv build/bench
	build/bench/bin/python -m pip install --quiet --requirement benchmarks/requirements-bench.txt
	PYTHONPATH=. build/bench/bin/python -W ignore -m benchmarks.speed.bench_metrics

# In an environment of its own: versectl itself does not need it.
docs:
	test -x build/docs/bin/mkdocs || { $(PYTHON) -m venv build/docs \
	  && build/docs/bin/python -m pip install --quiet --requirement requirements-docs.txt; }
	NO_MKDOCS_2_WARNING=1 build/docs/bin/mkdocs build --strict --quiet
	! grep -rE '(src|href)="https?:[^"]*\.(js|css|woff2?)"' build/site --include='*.html'
	@echo "Open build/site/index.html; for the search: python -m http.server --directory build/site"

docs-reference: $(READY)
	$(BIN)/python docs/tools/reference.py

docs-figures: $(READY)
	$(BIN)/python docs/tools/figures.py

clean:
	rm -rf $(VENV) demo build *.egg-info .pytest_cache .ruff_cache

# Set up once, and again when the requirements change.
$(READY): requirements.txt requirements-dev.txt
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment could be made; on Debian: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $(READY)
