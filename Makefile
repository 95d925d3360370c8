# One environment for everything: the one that is active, else .venv (made when it is missing).
# DRIFTGATE_VENV names another place, so that several checkouts can share one.
VENV ?= $(or $(DRIFTGATE_VENV),$(VIRTUAL_ENV),.venv)
PYTHON ?= python3
BIN := $(VENV)/bin
# One thread each: sums split over threads would not come out the same everywhere.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test fast check format kafka kafka-stop bench-kafka matrix docs fuzz mutants tools clean

help:  ## Show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# Made again when what is needed changes.
$(VENV)/.driftgate-installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,demo]'
	touch $@

demo: $(VENV)/.driftgate-installed  ## Watch a mixture of experts predict New York's 2013 flights
	$(BIN)/driftgate demo

test: $(VENV)/.driftgate-installed tools  ## Run all tests: fast ones, then those on a real Kafka broker
	$(BIN)/python -m pytest -m kafka -n 2 --dist loadfile
	$(BIN)/python -m pytest -m 'not kafka' -n 2 --dist loadfile

fast: $(VENV)/.driftgate-installed  ## Run the tests that need no broker
	$(BIN)/python -m pytest -m 'not kafka and not slow' -n 2 --dist loadfile

check: $(VENV)/.driftgate-installed  ## Formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.driftgate-installed  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

kafka: $(VENV)/.driftgate-installed  ## Start Apache Kafka on this machine (NODES=3 for three of them)
	$(BIN)/python deploy/kafka/dev_broker.py start --nodes $(or $(NODES),1)

kafka-stop:  ## Stop it
	$(BIN)/python deploy/kafka/dev_broker.py stop

bench-kafka: $(VENV)/.driftgate-installed  ## Kafka to Kafka beside a bare transactional echo
	$(BIN)/python -m tests.bench.kafka_to_kafka

matrix: $(VENV)/.driftgate-installed  ## Put faults into workers on a real Kafka, at full dose (NODES=3; hours)
	$(BIN)/python -m tests.matrix --nodes $(or $(NODES),1)
	$(BIN)/python -m tests.matrix.document docs/reliability.md

docs: $(VENV)/.driftgate-installed  ## Write the generated pages of docs/
	$(BIN)/python -m stream.loading.reference docs/configuration.md
	$(BIN)/python -m stream.observe.metrics docs/metrics.md
	$(BIN)/python -m tests.bench.document docs/benchmarks.md
	$(BIN)/python -m tests.bench.detection.document docs/drift-benchmarks.md
	$(BIN)/python -m tests.matrix.document docs/reliability.md
	$(BIN)/python -m tests.mutation.document docs/mutations.md

mutants: $(VENV)/.driftgate-installed  ## Change our own code for the worse; the tests must notice
	$(BIN)/python -m tests.mutation

fuzz: $(VENV)/.driftgate-installed  ## Feed the readers with bad inputs (SECONDS=60 each)
	for target in event label configuration journal note; do \
	  $(BIN)/python -m tests.fuzz $$target --seconds $(or $(SECONDS),60) || exit 1; done

tools:  ## Install what checks the manifests (kustomize by the Go toolchain), where it can be had
	@bash deploy/install-tools.sh

clean:  ## Remove what was built here
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .driftgate
