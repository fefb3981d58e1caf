# Everything runs in .venv, which is built on first use from the pinned versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(PYTHON) -m pip --python $(BIN)/python install --quiet -c constraints.txt

DATA ?= $(or $(ALBERTLM_DATA),../shared/data)
RUN := runs/shipped

.PHONY: demo test check format pretrained ablations benchmarks results clean

demo: $(VENV)/.core  ## fill the mask of the model card with the model that ships
	$(BIN)/albertlm fill-mask "Hello I'm a [MASK] model."

test: $(VENV)/.dev  ## run the tests
	$(BIN)/pytest

check: $(VENV)/.dev  ## style, types, import directions, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/typos

format: $(VENV)/.dev  ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pretrained: $(VENV)/.dev  ## train the model that ships again, from the corpus in $(DATA): three hours
	$(BIN)/albertlm corpus build $(DATA)/corpus --output $(RUN)/corpus
	test -e $(RUN)/vocabulary/tokenizer.json || \
		$(BIN)/albertlm vocab $(RUN)/corpus --output $(RUN)/vocabulary
	$(BIN)/albertlm tokens $(RUN)/corpus --vocabulary $(RUN)/vocabulary --output $(RUN)/tokens
	$(BIN)/albertlm pretrain shipped $(RUN)/tokens --output $(RUN)/first
	$(BIN)/albertlm pretrain shipped-longer $(RUN)/tokens --output $(RUN)/run --from $(RUN)/first/model
	$(BIN)/albertlm corpus build $(DATA)/corpus/wikipedia-*.parquet --output $(RUN)/wikipedia/corpus
	$(BIN)/albertlm tokens $(RUN)/wikipedia/corpus \
		--vocabulary $(RUN)/vocabulary --output $(RUN)/wikipedia/tokens
	$(BIN)/python tools/ship_model.py $(RUN)/run $(RUN)/tokens $(RUN)/wikipedia/tokens

ablations: $(VENV)/.dev  ## repeat the paper's ablations at small scale, on what `pretrained` made: an hour
	$(BIN)/albertlm vocab $(RUN)/corpus --size 2000 --output $(RUN)/vocabulary-2k
	$(BIN)/albertlm tokens $(RUN)/wikipedia/corpus \
		--vocabulary $(RUN)/vocabulary-2k --output $(RUN)/wikipedia/tokens-2k
	$(BIN)/python benchmarks/ablations.py $(RUN)/wikipedia/tokens-2k $(RUN)/ablations

benchmarks: $(VENV)/.dev  ## measure everything again, then rewrite docs/results.md
	for script in $$(grep -l '^if __name__' benchmarks/*.py | grep -v -e report.py -e scale -e ablations.py); do $(BIN)/python $$script || exit 1; done
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/scale.py

results: $(VENV)/.dev  ## rewrite docs/results.md and docs/scale.md from benchmarks/results/*.json
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/scale.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

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
