# Every verb that people and CI use. `make` prints them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PORT ?= 9696
GRPC_PORT ?= 8500
REST_PORT ?= 8501
DASHBOARD_PORT ?= 9443
GIT_PORT ?= 9418
RUN := .venv/run/bin/python
TRAIN := .venv/train/bin/python
TEST := .venv/test/bin/python
PIPELINE := .venv/pipeline/bin/python
# Tests run beside each other, as tests/spread.py says: on two cores where there are two. ARGS=-n0 is without.
PYTEST := $(TEST) -m pytest -n auto --maxprocesses 2 --dist loadscope

MODELS := apps/model-server/models
name = $(or $(MODEL),pizza)
model_dir = $(MODELS)/$(name)/$(or $(VERSION),$(shell ls $(MODELS)/$(name) 2>/dev/null | sort -n | tail -1))
# A version of MODEL by its number, or any directory.
version_dir = $(if $(findstring /,$(1)),$(1),$(MODELS)/$(name)/$(1))

# $(call need,VARIABLE,what it is,example): stop with one line where the variable is empty.
need = @[[ -n "$($(1))" ]] || { echo "error: name $(2): make $@ $(1)=$(3)" >&2; exit 1; }
need_data = $(call need,DATA,a folder with one folder per class$(comma) a CSV file or a known data set,photos)
comma := ,

# What `pipeline` and `submit` take alike.
smoke := --config drawn --candidates learning-rate=3e-3 learning-rate=1e-3 learning-rate=1e-2
against = $(if $(filter none,$(AGAINST)),none,$(if $(findstring /,$(AGAINST)),$(AGAINST),$(MODELS)/$(or $(CONFIG),fashion-mnist)/$(AGAINST)))
parameters = $(if $(DATA),--data "$(DATA)") $(if $(CANDIDATES),--candidates $(foreach one,$(CANDIDATES),"$(one)")) \
  $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(DROP),--drop "$(DROP)") $(if $(METRIC),--metric $(METRIC)) \
  $(if $(AGAINST),--against "$(against)") $(if $(JUDGE),--judge "$(JUDGE)") $(if $(MARGIN),--margin $(MARGIN)) \
  $(if $(BRANCH),--branch "$(BRANCH)") $(if $(REPOSITORY),--repository "$(REPOSITORY)") $(if $(PULL_REQUEST),--pull-request)

# .venv/<activity>/.installed is newer than what it was made from.
.venv/%/.installed: requirements/%.txt pyproject.toml tools/environment
	@tools/environment $*

# Programs of others: nothing of pyproject.toml goes into them.
.venv/scan/.installed .venv/pipeline/.installed: .venv/%/.installed: requirements/%.txt tools/environment
	@tools/environment $*

.PHONY: help
help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: .venv/run/.installed  ## serve every bundled model on http://localhost:9696 (PORT=, GRPC_PORT=, REST_PORT=; OPEN=1 opens the page)
	@$(RUN) -m tools.run --port $(PORT) --grpc-port $(GRPC_PORT) --rest-port $(REST_PORT) $(if $(OPEN),--open)

.PHONY: predict
predict: .venv/run/.installed  ## classify a picture: IMAGE=file or URL (MODEL=pizza)
	@$(RUN) -m tools.predict "$(IMAGE)" $(if $(MODEL),--model $(MODEL)) --gateway http://localhost:$(PORT)

.PHONY: batch
batch: .venv/run/.installed  ## classify a folder into a table: FOLDER= OUT=table.csv|.jsonl (MODEL= VERSION= GATEWAY= WORKERS=4; goes on after a kill)
	$(call need,FOLDER,a folder of pictures,photos)
	$(call need,OUT,the table,photos.csv)
	@$(RUN) -m gateway.client batch "$(FOLDER)" --out "$(OUT)" --server "$(or $(GATEWAY),http://localhost:$(PORT))" \
	  $(if $(MODEL),--model $(MODEL)) $(if $(VERSION),--version $(VERSION)) --workers $(or $(WORKERS),4)

.PHONY: fetch
fetch: .venv/train/.installed  ## download pictures: DATA=pizza|clothing|fashion-mnist
	$(call need,DATA,a known data set,clothing)
	@$(TRAIN) -m training fetch "$(DATA)"

.PHONY: audit
audit: .venv/train/.installed  ## find broken, duplicate and doubtful pictures: DATA=folder, CSV or data set (DROP=auto)
	$(need_data)
	@$(TRAIN) -m training audit --data "$(DATA)" $(if $(DROP),--drop "$(DROP)")

.PHONY: explore
explore: .venv/train/.installed  ## look at pictures before training, as one HTML page: DATA= (OUT=page.html)
	$(need_data)
	@$(TRAIN) -m training explore --data "$(DATA)" $(if $(OUT),--out "$(OUT)")

.PHONY: new
new: .venv/train/.installed  ## add a classifier end to end: NAME=shoes DATA= (QUICK=1: no fine-tuning; BACKBONE= SIZE= DROP=)
	$(call need,NAME,the classifier,shoes)
	$(need_data)
	@$(TRAIN) -m training new "$(NAME)" --data "$(DATA)" $(if $(QUICK),--quick) $(if $(BACKBONE),--backbone $(BACKBONE)) \
	  $(if $(SIZE),--size $(SIZE)) $(if $(DROP),--drop "$(DROP)")

.PHONY: train
train: .venv/train/.installed  ## train an experiment: CONFIG=pizza DATA= (DROP= MLFLOW=address; SMOKE=1: a minute, drawn pictures)
	$(if $(SMOKE),,$(need_data))
	@$(TRAIN) -m training train $(or $(CONFIG),pizza) $(if $(SMOKE),--smoke $(if $(BACKBONE),--backbone $(BACKBONE)),\
	  --data "$(DATA)") $(if $(DROP),--drop "$(DROP)") $(if $(MLFLOW),--mlflow "$(MLFLOW)")

.PHONY: crossvalidate
crossvalidate: .venv/train/.installed  ## judge a recipe on every picture: CONFIG=pizza DATA= (FOLDS=3)
	$(need_data)
	@$(TRAIN) -m training crossvalidate $(or $(CONFIG),pizza) --data "$(DATA)" $(if $(FOLDS),--folds $(FOLDS))

.PHONY: ablate
ablate: .venv/train/.installed  ## leave a recipe's ingredients out one by one: CONFIG=pizza DATA= (FOLDS=3 ONLY='no teacher')
	$(need_data)
	@$(TRAIN) -m training ablate $(or $(CONFIG),pizza) --data "$(DATA)" $(if $(FOLDS),--folds $(FOLDS)) \
	  $(if $(ONLY),--only "$(ONLY)")

.PHONY: tune
tune: .venv/train/.installed  ## search for better settings: CONFIG=pizza DATA= (TRIALS=20 SPACE=learning-rate,dropout FAST=1)
	$(need_data)
	@$(TRAIN) -m training tune $(or $(CONFIG),pizza) --data "$(DATA)" --trials $(or $(TRIALS),20) \
	  $(if $(SPACE),--space "$(SPACE)") $(if $(FAST),--fast)

.PHONY: export
export: .venv/train/.installed  ## write a run as a model version, if it passes its gate: RUN_DIR=runs/pizza
	$(call need,RUN_DIR,the folder of a run,runs/pizza)
	@$(TRAIN) -m training export "$(RUN_DIR)"

.PHONY: import
import: .venv/train/.installed  ## take a model made elsewhere: FILE=model.keras NAME= DATA= SCALING=none|unit|symmetric|caffe|torch
	$(call need,FILE,a .keras or .h5 file or a SavedModel,model.keras)
	$(call need,NAME,the classifier,shoes)
	$(call need,SCALING,how its pixels are scaled,symmetric)
	$(need_data)
	@$(TRAIN) -m training import "$(FILE)" --name "$(NAME)" --version $(or $(VERSION),1) --scaling $(SCALING) --data "$(DATA)" \
	  $(if $(LABELS),--labels "$(LABELS)")

.PHONY: show
show: .venv/run/.installed  ## print a model's signatures, labels, card, goldens and files: MODEL=pizza (VERSION=)
	@$(RUN) -m training show $(name) $(if $(VERSION),--version $(VERSION))

.PHONY: models
models: .venv/run/.installed  ## bring the list that the images serve up to date with apps/model-server/models
	@$(RUN) -m tools.models

.PHONY: evaluate
evaluate: .venv/run/.installed  ## print a model's accuracy: DATA= (MODEL=pizza VERSION= SPLIT=test|all)
	$(need_data)
	@$(RUN) -m training evaluate --model $(model_dir) --data "$(DATA)" --split $(or $(SPLIT),test)

.PHONY: report
report: .venv/train/.installed  ## the same with plots, mistakes, Grad-CAM, robustness: DATA= (MODEL= VERSION= SPLIT= OUT=page.html)
	$(need_data)
	@$(TRAIN) -m training evaluate --model $(model_dir) --data "$(DATA)" --split $(or $(SPLIT),test) \
	  --report "$(or $(OUT),runs/$(name)-report.html)"

.PHONY: compare
compare: .venv/run/.installed  ## does version B beat version A? A=1 B=2 DATA= (MODEL=pizza SPLIT=test; or directories)
	$(call need,A,the version that is there,1)
	$(call need,B,the one that would take its place,2)
	$(need_data)
	@$(RUN) -m training compare "$(call version_dir,$(A))" "$(call version_dir,$(B))" --data "$(DATA)" --split $(or $(SPLIT),test)

.PHONY: pipeline
pipeline: .venv/pipeline/.installed .venv/train/.installed  ## from pictures to a commit on a branch: CONFIG=fashion-mnist DATA= (CANDIDATES='learning-rate=1e-4 backbone=small-cnn' EPOCHS= DROP= METRIC= AGAINST=1|none JUDGE= MARGIN= BRANCH= REPOSITORY= PULL_REQUEST=1; SMOKE=1: two minutes, drawn pictures)
	@$(PIPELINE) -m training.pipeline run $(if $(SMOKE),$(smoke),--config $(or $(CONFIG),fashion-mnist)) $(parameters)

.PHONY: submit
submit: .venv/pipeline/.installed  ## the same on a cluster with Kubeflow Pipelines: HOST= IMAGE= REPOSITORY= (PIPELINE_ROOT=s3://bucket/folder NAMESPACE= EXPERIMENT= SERVICE_ACCOUNT= TOKEN_FILE= WAIT=seconds NO_CACHE=1, and those of `pipeline`)
	$(call need,HOST,the address of Kubeflow Pipelines,http://localhost:8080)
	$(call need,IMAGE,what training/Dockerfile makes,registry/training@sha256:...)
	$(call need,REPOSITORY,the address that gets the branch,https://host/owner/name)
	@$(PIPELINE) -m training.pipeline submit --host "$(HOST)" --image "$(IMAGE)" $(if $(PIPELINE_ROOT),--pipeline-root "$(PIPELINE_ROOT)") \
	  $(if $(NAMESPACE),--namespace "$(NAMESPACE)") $(if $(EXPERIMENT),--experiment "$(EXPERIMENT)") \
	  $(if $(SERVICE_ACCOUNT),--service-account "$(SERVICE_ACCOUNT)") $(if $(TOKEN_FILE),--token-file "$(TOKEN_FILE)") \
	  $(if $(WAIT),--wait $(WAIT)) $(if $(NO_CACHE),--no-cache) \
	  $(if $(SMOKE),$(smoke),--config $(or $(CONFIG),fashion-mnist)) $(parameters)

.PHONY: compile
compile: .venv/pipeline/.installed  ## bring the pipeline's YAML up to date with its code
	@$(PIPELINE) -m training.pipeline compile

.PHONY: bench
bench: .venv/run/.installed  ## measure start, memory and answer time of both servers (Linux)
	@$(RUN) -m bench.footprint

.PHONY: test
test: lint  ## check and test everything: lint, unit, contract, browser
	@tools/chromium
	@$(PYTEST) -m "not images and not backbones and not e2e and not delivery and not kserve and not network and not hostile and not faults" $(ARGS)
	@$(MAKE) --no-print-directory test-pipeline ARGS=

.PHONY: test-pipeline
test-pipeline: .venv/pipeline/.installed .venv/test/.installed  ## run the pipeline on drawings: to a commit, killed, refused; `make test` does
	@TRAINING_PYTHON=$(TEST) $(PIPELINE) -m pytest --confcutdir=tests/pipeline tests/pipeline $(ARGS)

.PHONY: test-backbones
test-backbones: .venv/test/.installed  ## train, export and serve every backbone: minutes; CI does
	@$(PYTEST) -m backbones tests/unit/training tests/contract $(ARGS)

.PHONY: hostile
hostile: .venv/test/.installed  ## throw pictures, URLs and bodies made to harm at the gateway, and print what held: 4 minutes
	@$(TEST) -m pytest -m hostile tests/hostile $(ARGS)

.PHONY: faults
faults: .venv/test/.installed  ## kill, freeze and flood real processes under load, and print what held: 8 minutes
	@$(TEST) -m pytest -m faults tests/faults $(ARGS)

.PHONY: fuzz
fuzz: .venv/test/.installed  ## let atheris look for inputs that break decoders and parsers: SECONDS=60 each
	@$(TEST) -m tests.hostile.fuzz --seconds $(or $(SECONDS),60)

.PHONY: soak
soak: .venv/test/.installed  ## watch memory and descriptors of a gateway under a steady load: MINUTES=60
	@$(TEST) -m bench.soak --minutes $(or $(MINUTES),60)

.PHONY: lint
lint: .venv/test/.installed .venv/scan/.installed  ## ruff, mypy --strict, the rules about manifests, scanners
	@$(TEST) -m ruff check .
	@$(TEST) -m ruff format --check .
	@$(TEST) -m mypy
	@$(TEST) -m tools.manifests
	@$(TEST) -m tools.scan

.PHONY: scan
scan: .venv/test/.installed .venv/scan/.installed  ## checkov, kube-score, hadolint, zizmor, actionlint, yamllint, shellcheck (ONLY='checkov zizmor')
	@$(TEST) -m tools.scan $(ONLY)

.PHONY: scan-more
scan-more: .venv/test/.installed  ## kube-linter and kubescape, downloaded and built by Go; CI does
	@tools/scan/more

.PHONY: format
format: .venv/test/.installed  ## format the Python and mend what ruff can
	@$(TEST) -m ruff check --fix . ; $(TEST) -m ruff format .

.PHONY: render
render: .venv/test/.installed  ## print what a cluster gets: ENV=prod (COMPONENTS=canary,gpu OUT=file.yaml)
	$(call need,ENV,an overlay,prod)
	@$(TEST) -m tools.render "$(ENV)" --components "$(COMPONENTS)" $(if $(OUT),--out "$(OUT)")

.PHONY: diff
diff: .venv/test/.installed  ## what the working tree changes: ENV=prod (BASE=main COMPONENTS=; LIVE=1: in kubectl's cluster)
	$(call need,ENV,an overlay,prod)
	@$(TEST) -m tools.compare "$(ENV)" --components "$(COMPONENTS)" $(if $(LIVE),--live,--base "$(or $(BASE),main)")

# From here on values come as environment variables: a tag or a sentence of somebody's is never part of a command.
.PHONY: images
images:  ## build the container images: gateway, model-server (TAG=; PUSH=registry/folder pushes, digests go to build/digests)
	@tools/images "$${TAG:-dev}" $${PUSH:+"$$PUSH"}

.PHONY: login
login:  ## let docker into a registry: PUSH=registry/folder (REGISTRY_USER= REGISTRY_TOKEN=; Amazon's asks aws)
	@tools/publish/login "$${PUSH:?a registry and a folder in it}"

.PHONY: join
join: .venv/run/.installed  ## one image of all architectures that were pushed: PUSH= TAG=; digests go to build/digests.json
	@$(RUN) -m tools.publish join "$${PUSH:?a registry and a folder in it}" "$${TAG:?the tag that was pushed}"

.PHONY: attest
attest: .venv/run/.installed  ## sign the joined images, attach SBOM and provenance: PUSH= (KEY=cosign.key; in a workflow keyless)
	@$(RUN) -m tools.publish attest "$${PUSH:?a registry and a folder in it}" $${KEY:+--key "$$KEY"}

.PHONY: check-attestations
check-attestations: .venv/run/.installed  ## see that signatures, SBOMs and provenance hold: PUSH= (KEY=cosign.pub)
	@$(RUN) -m tools.publish check "$${PUSH:?a registry and a folder in it}" $${KEY:+--key "$$KEY"}

.PHONY: pull-request
pull-request: .venv/run/.installed  ## push a promotion's branch and ask for its merge by gh: BRANCH= TEXT=file.md
	@$(RUN) -m tools.publish pull-request "$${BRANCH:?the branch that make promote made}" "$${TEXT:?its text}"

.PHONY: release
release: .venv/run/.installed  ## GitHub's release of a tag, notes from CHANGELOG.md, images of prod: TAG=v1.2.3 (DRY_RUN=1 prints)
	@$(RUN) -m tools.publish release "$${TAG:?the tag, such as v1.2.3}" $${DRY_RUN:+--dry-run}

.PHONY: test-images
test-images: .venv/test/.installed  ## build the images and test them, docker compose included; needs Docker
	@$(TEST) -m pytest -m images tests/images $(ARGS)

.PHONY: test-cluster
test-cluster: .venv/test/.installed images  ## apply overlays/kind to the kind cluster that kubectl points to, and try it
	@kind load docker-image gateway:dev model-server:dev --name "$$(kubectl config current-context | sed s/^kind-//)"
	@$(TEST) -m pytest -m e2e tests/e2e $(ARGS)

.PHONY: test-kserve
test-kserve: .venv/test/.installed images  ## apply overlays/kserve to that cluster and try it; builds KServe's controller from its Go module, once: minutes
	@kind load docker-image gateway:dev model-server:dev --name "$$(kubectl config current-context | sed s/^kind-//)"
	@$(TEST) -m tools.kserve install
	@$(TEST) -m pytest -m kserve tests/kserve $(ARGS)

.PHONY: up
up: .venv/test/.installed  ## a kind cluster with Argo CD that `git push kind` deploys to; needs Docker (PORT=, DASHBOARD_PORT=, GIT_PORT=)
	@$(TEST) -m tools.cluster up --port $(PORT) --dashboard-port $(DASHBOARD_PORT) --git-port $(GIT_PORT)

.PHONY: down
down: .venv/test/.installed  ## remove that cluster and the git remote
	@$(TEST) -m tools.cluster down

.PHONY: e2e
e2e: up  ## on that cluster: push, break, roll back, promote, all under load; ends with a table (ARGS='-k canary')
	@$(TEST) -m pytest -m delivery tests/e2e/delivery $(ARGS)

.PHONY: autoscale
autoscale: .venv/run/.installed  ## load a gateway on a cluster and watch its autoscalers: URL= NAMESPACE=classifiers-kind (WORKERS=8 LASTS=180: seconds)
	@$(RUN) -m tools.autoscaling --url "$${URL:-http://localhost:$(PORT)}" --namespace "$${NAMESPACE:-classifiers-kind}" \
	  --workers "$${WORKERS:-8}" --seconds "$${LASTS:-180}"

.PHONY: promote
promote: .venv/test/.installed  ## what kind verified, to prod, as a branch with a commit: DIGESTS=file or IMAGES='gateway=sha256:... ...' (VERIFIED_BY=url COMMIT= TEXT=file BRANCH= CHECK_MODELS=1 DRY_RUN=1 NO_COMMIT=1)
	@$(TEST) -m tools.delivery promote kind prod $${IMAGES:+--images $$IMAGES} $${DIGESTS:+--digests "$$DIGESTS"} \
	  $${COMMIT:+--commit "$$COMMIT"} $${VERIFIED_BY:+--verified-by "$$VERIFIED_BY"} $${TEXT:+--text "$$TEXT"} \
	  $${BRANCH:+--branch "$$BRANCH"} $${CHECK_MODELS:+--check-models} $${DRY_RUN:+--dry-run} \
	  $${NO_COMMIT:+--no-commit}

.PHONY: rollback
rollback: .venv/test/.installed  ## take the last promotion to prod back, as a commit: REASON='why'
	@$(TEST) -m tools.delivery rollback prod --reason "$${REASON:?say why: REASON=\'why\'}"

.PHONY: status
status: .venv/test/.installed  ## what runs where: commit, images, models, health, verified or not (JSON=1)
	@$(TEST) -m tools.delivery status $${JSON:+--json}

.PHONY: lock
lock:  ## resolve requirements/*.in anew (needs uv)
	@requirements/lock

.PHONY: clean
clean:  ## remove environments and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache *.egg-info build
