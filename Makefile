# `make` alone lists the targets.  Everything runs in .venv, which is made on first use.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FLOOR := .venv-floor
NEWEST := .venv-newest

# One worker for each core; a worker that is done takes tests from the others.
SPREAD := --numprocesses=auto --dist=worksteal

DOCS := tests/test_readme.py tests/test_site.py tests/test_cookbook.py $(wildcard tests/unit_tests/*/test_*guide.py)

# Packs for `make bench`: recorded answers of real models, in the form `intercascade bench` reads.
PACKS := ../shared/data
RESULTS := benchmarks/results
MEASURED := retrieval harm usefulness guarantee drift online poisoning gateway

.DEFAULT_GOAL := help
# Two checks at once would mix their output; each uses the cores well enough alone.
.NOTPARALLEL:
.PHONY: help venv demo studio test lint format type docs site audit check bench bench-lab measure figures pictures reliability fuzz train-lab lock test-floor test-newest build clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(READY) ## Make .venv with the locked packages and this one, editable

$(READY): pyproject.toml constraints/pip.txt constraints/dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r constraints/pip.txt
	$(BIN)/python -m pip install --quiet --require-hashes --no-compile -r constraints/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## Watch a small neural model learn from a stronger one, no key and no network
	$(BIN)/intercascade demo

studio: $(READY) ## Serve the graph for LangGraph Studio, here, on http://127.0.0.1:2024
	LANGGRAPH_CLI_NO_ANALYTICS=1 $(BIN)/langgraph dev $(ARGS)

test: $(READY) ## Run every test and every example in docstrings and documentation
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

lint: $(READY) ## Check style, formatting and spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell

format: $(READY) ## Mend what can be mended of style and formatting
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

type: $(READY) ## Check types, strictly, in the package and its tests
	$(BIN)/mypy

docs: $(READY) ## Run only the code in README and docs
	$(BIN)/python -m pytest $(DOCS)

site: $(READY) ## Build the documentation site into site/; broken links fail
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean --site-dir site

audit: $(READY) ## Look the locked packages up among known vulnerabilities
	$(BIN)/python scripts/audit

# `test` covers the documentation too.  It comes last, so that the last line is pytest's.
check: lint type site audit test ## Run all that must pass before a change is done

bench: $(READY) ## Measure our overhead, then replay recorded answers, and write benchmarks/results
	$(BIN)/python -m benchmarks.overhead $(ARGS)
	@ls $(PACKS)/*.jsonl.gz > /dev/null 2>&1 || { echo "No packs in $(PACKS): see docs/packs.md."; exit 1; }
	$(BIN)/intercascade bench --pack $(PACKS)/p1_gate_logprob_mmlu.jsonl.gz --weak llama3.1-8b \
	    --strong llama3.1-405b --threshold 0.60325 --json $(RESULTS)/recorded_mmlu.json
	$(BIN)/intercascade bench --pack $(PACKS)/p5_bbh_transfer.jsonl.gz \
	    --json $(RESULTS)/recorded_bbh.json
	$(BIN)/python -m benchmarks.recorded --data $(PACKS)

bench-lab: $(READY) ## Measure our trained pair (under 15 minutes on 2 cores), and write benchmarks/results
	$(BIN)/python -m benchmarks.lab --jobs 2 $(ARGS)
	$(BIN)/python -m benchmarks.pictures

pictures: $(READY) ## Draw the pictures of the README anew, out of benchmarks/results
	$(BIN)/python -m benchmarks.pictures

measure: $(READY) ## Measure retrieval, admission, ledger and thresholds (an hour), and write benchmarks/results
	@for name in $(MEASURED); do $(BIN)/python -m benchmarks.$$name || exit 1; done

figures: $(READY) ## Write the measured figures anew into README and docs, out of benchmarks/results
	$(BIN)/python -m benchmarks.figures

reliability: $(READY) ## Fail, kill, soak and rob a cascade (half an hour), and write benchmarks/results
	$(BIN)/python -m benchmarks.reliability $(ARGS)

fuzz: $(READY) ## Attack every reader of somebody else's bytes, for ten minutes each (two hours)
	$(BIN)/python -m benchmarks.fuzz --minutes 130

train-lab: $(READY) ## Train the lab's weak model anew (50 minutes, on one core or with CUDA), and measure it
	@$(BIN)/python -c "import torch, safetensors" 2> /dev/null || \
	    { echo "Training needs torch and safetensors: $(BIN)/pip install torch safetensors"; exit 1; }
	rm -f $(RESULTS)/lab_training.jsonl
	$(BIN)/python training/train_lab.py --minutes 50 --threads 1 --log $(RESULTS)/lab_training.jsonl \
	    --out langchain_intercascade/lab/weak.safetensors
	$(BIN)/python -m benchmarks.lab_model

lock: $(READY) ## Resolve the constraint files anew (ARGS=--upgrade for newer versions)
	scripts/lock $(ARGS)

test-floor: $(READY) ## Run the tests on the lowest supported versions
	$(PYTHON) -m venv $(FLOOR)
	$(BIN)/pip --python $(FLOOR) install --quiet --no-compile \
	    --group test --constraint constraints/floor.txt --editable '.[all,community]'
	$(FLOOR)/bin/python -m pytest $(SPREAD) $(ARGS)

test-newest: $(READY) ## Run the tests on the newest releases, whatever the lock says
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(NEWEST)
	$(BIN)/uv pip install --quiet --python $(NEWEST) --upgrade --group test \
	    --override constraints/newest.txt --editable '.[all,community]'
	$(NEWEST)/bin/python -m pytest $(SPREAD) $(ARGS)

build: $(READY) ## Build the wheel and the source distribution into dist/
	$(BIN)/python -m build --no-isolation

clean: ## Remove all that was made here
	rm -rf $(VENV) $(FLOOR) $(NEWEST) dist site .hypothesis .benchmarks .coverage .*_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
