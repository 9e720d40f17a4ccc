# Every verb that people and CI use. `make` prints them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PORT ?= 9696
GRPC_PORT ?= 8500
REST_PORT ?= 8501
RUN := .venv/run/bin/python
TRAIN := .venv/train/bin/python
TEST := .venv/test/bin/python

need_data = @[[ -n "$(DATA)" ]] || { echo "error: name a folder that holds one folder per class: make $@ DATA=photos" >&2; exit 1; }

# .venv/<activity>/.installed is newer than what it was made from.
.venv/%/.installed: requirements/%.txt pyproject.toml tools/environment
	@tools/environment $*

.PHONY: help
help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/run/.installed  ## serve every bundled model on http://localhost:9696 (PORT=, GRPC_PORT=, REST_PORT=; OPEN=1 opens the page)
	@$(RUN) -m tools.run --port $(PORT) --grpc-port $(GRPC_PORT) --rest-port $(REST_PORT) $(if $(OPEN),--open)

.PHONY: predict
predict: .venv/run/.installed  ## classify a picture: IMAGE=file or URL (MODEL=pizza)
	@$(RUN) -m tools.predict "$(IMAGE)" $(if $(MODEL),--model $(MODEL)) --gateway http://localhost:$(PORT)

.PHONY: train
train: .venv/train/.installed  ## train a model: CONFIG=pizza DATA=folder of class folders (SMOKE=1: a minute, drawn pictures)
	$(if $(SMOKE),,$(need_data))
	@$(TRAIN) -m training train $(or $(CONFIG),pizza) $(if $(SMOKE),--smoke,--data "$(DATA)")

.PHONY: crossvalidate
crossvalidate: .venv/train/.installed  ## judge a recipe on every picture: CONFIG=pizza DATA=folder of class folders (FOLDS=3)
	$(need_data)
	@$(TRAIN) -m training crossvalidate $(or $(CONFIG),pizza) --data "$(DATA)" --folds $(or $(FOLDS),3)

.PHONY: evaluate
evaluate: .venv/run/.installed  ## print a model's accuracy: DATA=folder of class folders (MODEL=pizza VERSION=1 SPLIT=test|all)
	$(need_data)
	@$(RUN) -m training evaluate --model apps/model-server/models/$(or $(MODEL),pizza)/$(or $(VERSION),1) --data "$(DATA)" --split $(or $(SPLIT),test)

.PHONY: bench
bench: .venv/run/.installed  ## measure start, memory and answer time of both servers (Linux)
	@$(RUN) -m bench.footprint

.PHONY: test
test: lint  ## check and test everything: lint, unit, contract, browser
	@tools/chromium
	@$(TEST) -m pytest -m "not images" $(ARGS)

.PHONY: lint
lint: .venv/test/.installed  ## ruff, mypy --strict
	@$(TEST) -m ruff check .
	@$(TEST) -m ruff format --check .
	@$(TEST) -m mypy

.PHONY: format
format: .venv/test/.installed  ## format the Python and mend what ruff can
	@$(TEST) -m ruff check --fix . ; $(TEST) -m ruff format .

.PHONY: images
images:  ## build the container images: gateway, model-server (TAG=)
	@tools/images $(TAG)

.PHONY: test-images
test-images: .venv/test/.installed  ## build the images and test them, docker compose included; needs Docker
	@$(TEST) -m pytest -m images tests/images $(ARGS)

.PHONY: lock
lock:  ## resolve requirements/*.in anew (needs uv)
	@requirements/lock

.PHONY: clean
clean:  ## remove environments and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache *.egg-info build
