# Everything runs in .venv, which is built on first use from the pinned versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TENSORFLOW := .venv-tensorflow
FASTEMBED := .venv-fastembed
SERVERS := .venv-servers
KERAS_HUB := .venv-keras-hub
TRANSFORMERS := .venv-transformers
INSTALL := $(PYTHON) -m pip --python $(BIN)/python install --quiet -c constraints.txt

# tests of one file share their fixtures, so they run in one process
WORKERS := -n auto --maxprocesses 4 --dist loadfile

JAVASCRIPT := tests/javascript

DATA ?= $(or $(ALBERTLM_DATA),../shared/data)
RUN := runs/shipped
ORACLES := build/oracles

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-tensorflow oracles runtimes check coverage campaign format openapi \
	smoke release pretrained ship parts rehearsal ablations finetuning-table benchmarks results clean

help:  ## list these targets
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.core  ## fill the mask of the model card with the model that ships
	$(BIN)/albertlm fill-mask "Hello I'm a [MASK] model."

test: $(VENV)/.dev  ## run the tests
	$(BIN)/pytest $(WORKERS)

test-fast: $(VENV)/.dev  ## run the tests that take no more than a few seconds each
	$(BIN)/pytest $(WORKERS) -m "not slow"

test-tensorflow: $(TENSORFLOW)/.tests  ## run the tests of the Keras models on TensorFlow and JAX
	$(TENSORFLOW)/bin/pytest $(WORKERS) tests/models/keras
	KERAS_BACKEND=jax $(TENSORFLOW)/bin/pytest $(WORKERS) tests/models/keras

oracles: $(KERAS_HUB)/.oracle $(TRANSFORMERS)/.oracle  ## record what keras-hub and transformers 4 compute
	rm -rf $(ORACLES) && mkdir -p $(ORACLES)
	PYTHONPATH=src:tests/support $(KERAS_HUB)/bin/python tests/fixtures/make_tensorflow.py keras-hub $(ORACLES)
	PYTHONPATH=src:tests/support $(TRANSFORMERS)/bin/python tests/fixtures/make_tensorflow.py transformers $(ORACLES)
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
		-cJf tests/fixtures/tensorflow.tar.xz -C $(ORACLES) .
	$(KERAS_HUB)/bin/pytest tests/checkpoints/test_keras_hub.py

runtimes: $(JAVASCRIPT)/node_modules/.installed $(FASTEMBED)/.installed  ## install the runtimes of JavaScript and fastembed, in which exports and the page are tested

check: $(VENV)/.dev  ## style, types, import directions, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos

coverage: $(VENV)/.dev  ## run the tests and list the lines and branches that none of them reaches
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(WORKERS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

campaign: $(VENV)/.dev  ## kill commands at random moments, fill disks, and send generated requests: half an hour, as root
	$(BIN)/python benchmarks/campaign.py
	PYTHONPATH=tests/support $(BIN)/python benchmarks/serving_requests.py
	$(BIN)/python benchmarks/report.py

format: $(VENV)/.dev  ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/.dev  ## write the OpenAPI document of the server anew
	$(BIN)/python tools/make_openapi.py docs/openapi.json

smoke: $(BIN)/python  ## install core and server on the newest Python there is, and fill a mask with both
	tools/smoke.sh $(BIN)/python

release: $(VENV)/.dev  ## build sdist and wheel into dist/, and try them in empty environments
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	tools/try_release.sh $(BIN)/python dist

pretrained: $(RUN)/tokens/manifest.json  ## train the model that ships again, on a GPU, from the corpus in $(DATA)
	$(BIN)/python tools/pretrain_shipped.py $(RUN)/tokens $(RUN)/run --back $(RUN)/back --budget 8m30s

ship: $(RUN)/tokens/manifest.json $(RUN)/wikipedia/tokens/manifest.json  ## let the model of `pretrained` ship, if it is better and small enough
	$(BIN)/python tools/ship_model.py $(RUN)/run $(RUN)/tokens $(RUN)/wikipedia/tokens

parts: $(RUN)/tokens/manifest.json  ## pack the tokens in parts, to train on a machine that is reached by files
	$(BIN)/python tools/pack_tokens.py sample $(RUN)/tokens $(RUN)/sample
	$(BIN)/python tools/pack_tokens.py pack $(RUN)/tokens $(RUN)/parts
	$(BIN)/python tools/pack_tokens.py check $(RUN)/parts $(RUN)/sample

rehearsal: $(VENV)/.dev  ## train, cut off, bring back and ship a tiny model on the CPU
	$(BIN)/pytest tests/test_rehearsal.py

ablations: $(RUN)/tokens/manifest.json $(RUN)/wikipedia/tokens/manifest.json  ## repeat the paper's ablations at small scale: two hours and a quarter
	$(BIN)/albertlm vocab $(RUN)/corpus --size 2000 --output $(RUN)/vocabulary-2k
	$(BIN)/albertlm tokens $(RUN)/wikipedia/corpus \
		--vocabulary $(RUN)/vocabulary-2k --output $(RUN)/wikipedia/tokens-2k
	$(BIN)/python benchmarks/ablations.py $(RUN)/wikipedia/tokens-2k $(RUN)/ablations

# The vocabulary stays that of the model that ships.
$(RUN)/tokens/manifest.json: | $(VENV)/.dev
	$(BIN)/albertlm corpus build $(DATA)/corpus --output $(RUN)/corpus
	$(BIN)/albertlm tokens $(RUN)/corpus --vocabulary src/albertlm/assets --output $(RUN)/tokens

$(RUN)/wikipedia/tokens/manifest.json: | $(VENV)/.dev
	$(BIN)/albertlm corpus build $(DATA)/corpus/wikipedia-*.parquet --output $(RUN)/wikipedia/corpus
	$(BIN)/albertlm tokens $(RUN)/wikipedia/corpus \
		--vocabulary src/albertlm/assets --output $(RUN)/wikipedia/tokens

finetuning-table: $(VENV)/.benchmarks  ## fine-tune on MNLI, SST-2, SQuAD and RACE, beside baselines: hours, resumable
	$(BIN)/python benchmarks/finetuning.py runs/finetuning
	$(BIN)/python benchmarks/report.py

benchmarks: $(VENV)/.benchmarks $(SERVERS)/.installed $(TENSORFLOW)/.tests $(KERAS_HUB)/.oracle $(TRANSFORMERS)/.oracle  ## measure everything again, then rewrite docs/results.md
	for script in $$(grep -l '^if __name__' benchmarks/*.py | grep -v -e report.py -e scale -e ablations.py -e campaign.py -e serving_requests.py -e /finetuning.py); do $(BIN)/python $$script || exit 1; done
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/bias_report.py

results: $(VENV)/.dev  ## rewrite docs/results.md, docs/scale.md and docs/bias.md from benchmarks/results/*.json
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/bias_report.py

clean:  ## remove the environment and all caches
	rm -rf $(VENV) $(TENSORFLOW) $(KERAS_HUB) $(TRANSFORMERS) $(FASTEMBED) $(SERVERS) $(JAVASCRIPT)/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*

# pip is installed from outside, since some systems ship Python's venv without it.
$(BIN)/python:
	$(PYTHON) -m venv --without-pip $(VENV)
	$(INSTALL) pip

# One stamp for each set of extras: it is newer than what it was installed from.
$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	touch $(VENV)/.core $@

$(VENV)/.benchmarks: benchmarks/requirements.txt $(VENV)/.dev
	$(INSTALL) -r benchmarks/requirements.txt
	touch $@

# TensorFlow and JAX take 2 GB and are in no other environment.
$(TENSORFLOW)/.tests: pyproject.toml constraints.txt
	$(PYTHON) -m venv --without-pip $(TENSORFLOW)
	$(PYTHON) -m pip --python $(TENSORFLOW)/bin/python install --quiet -c constraints.txt \
		-e '.[corpus,jax,tensorflow,torch]' hypothesis pytest pytest-xdist
	touch $@

# Their scripts would download more, and fail.
$(JAVASCRIPT)/node_modules/.installed: $(JAVASCRIPT)/package.json
	cd $(JAVASCRIPT) && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error
	touch $@

# It needs other versions than this project's constraints.
$(FASTEMBED)/.installed:
	$(PYTHON) -m venv --without-pip $(FASTEMBED)
	$(PYTHON) -m pip --python $(FASTEMBED)/bin/python install --quiet fastembed==0.9.1
	touch $@

# Peers of the benchmark of the inference API; infinity fails with a newer click.
$(SERVERS)/.installed:
	$(PYTHON) -m venv --without-pip $(SERVERS)
	$(PYTHON) -m pip --python $(SERVERS)/bin/python install --quiet \
		'infinity-emb[server,torch]==0.0.78' 'click<8.2' torch==2.13.0 fastembed==0.9.1
	touch $@

# What other environments compute is recorded in tests/fixtures, so the tests need neither of them.
$(KERAS_HUB)/.oracle: pyproject.toml constraints.txt
	$(PYTHON) -m venv --without-pip $(KERAS_HUB)
	$(PYTHON) -m pip --python $(KERAS_HUB)/bin/python install --quiet -c constraints.txt \
		-e '.[tensorflow,torch]' keras-hub==0.32.0 pytest hypothesis
	touch $@

# transformers 4 was the last with classes for TensorFlow, and needs another huggingface-hub.
$(TRANSFORMERS)/.oracle:
	$(PYTHON) -m venv --without-pip $(TRANSFORMERS)
	$(PYTHON) -m pip --python $(TRANSFORMERS)/bin/python install --quiet sentencepiece==0.2.3 \
		tensorflow==2.21.0 tf-keras==2.21.0 torch==2.13.0 transformers==4.57.6
	touch $@
