# Makes the environment of the builds that seal and verify: locked packages by digest, and the wheel beside this file, without an index.
set -eu
export UV_SYSTEM_CERTS=1 UV_PYTHON_DOWNLOADS=never UV_NO_CONFIG=1
index=
[ -n "${UV_OFFLINE:-}" ] || index=$(python3 -I -m pip config get global.index-url 2>/dev/null || true)
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
if ! command -v uv >/dev/null; then
    python3 -I -m venv uv
    uv/bin/python -I -m pip install --quiet --disable-pip-version-check --require-hashes --requirement uv.lock
    PATH="$PWD/uv/bin:$PATH"
fi
uv venv --quiet --python "$(command -v python3)" environment
uv pip sync --quiet --python environment --require-hashes requirements.lock
uv pip install --quiet --python environment --no-deps --no-index ./*.whl
# On the local AWS: what its environment has compiled already.
[ -z "${LOCALAWS_PACKAGES:-}" ] || environment/bin/python -I -m mlkit.project.bytecode "$LOCALAWS_PACKAGES"
