# uv, which makes the environment: the machine's own for a build, otherwise one of this version in .tools.
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/uv/bin/uv
BUILD_UV := $(or $(shell command -v uv),$(UV))
BIN := .venv/bin
INSTALLED := .venv/installed

# uv reads neither the system's certificates nor pip's mirror unless told.
export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
# pip, which takes a second, is asked only if there may be something to download and nobody has named an index.
ifeq ($(UV_OFFLINE)$(UV_DEFAULT_INDEX)$(filter notebook-filter,$(MAKECMDGOALS)),)
PIP_INDEX := $(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null)
endif
ifneq ($(PIP_INDEX),)
export UV_DEFAULT_INDEX := $(PIP_INDEX)
endif

# What set-up says: a line a step, and on a terminal uv's own progress.
SAY := @printf 'Set-up: %s\n'
PACKAGES = $$(grep -c '^[a-z].*==' requirements.lock) packages into .venv, 2 GB; from uv's cache where it holds them
QUIET := $(shell test -t 2 || echo --quiet)

# A build on the local AWS does not compile what its environment has compiled already.
TAKE_BYTECODE = test -z "$$LOCALAWS_PACKAGES" || $(BIN)/python -I -m mlkit.project.bytecode "$$LOCALAWS_PACKAGES"

setup: $(INSTALLED)

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mlkit needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(SAY) 'uv $(UV_VERSION), the installer, into .tools, 40 MB'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action ignore --target .tools/uv uv==$(UV_VERSION)

# What JupyterLab adds to a notebook when it runs and saves it stays out of git: a filter of this clone alone, for the notebooks that
# notebooks/.gitattributes names. A worktree without nbstripout takes notebooks as they are.
STRIP := .venv/bin/nbstripout
LEFT_OUT := $(foreach key,codemirror_mode file_extension mimetype nbconvert_exporter pygments_lexer version,metadata.language_info.$(key))
.PHONY: notebook-filter
notebook-filter:
	@if strip=$$(git rev-parse --show-prefix 2>/dev/null)$(STRIP); then git config --local filter.nbstripout.clean \
		"if test -x '$$strip'; then '$$strip' --keep-id --extra-keys '$(LEFT_OUT)'; else cat; fi"; fi
