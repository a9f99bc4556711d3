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
PIP_INDEX := $(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null)
ifneq ($(PIP_INDEX),)
export UV_DEFAULT_INDEX := $(PIP_INDEX)
endif

setup: $(INSTALLED)

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mlkit needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-script-location --target .tools/uv uv==$(UV_VERSION)
