#!/bin/sh
# Write requirements-dev.lock: every package that developing needs, direct or not, with its version and the
# SHA-256 of each of its files, for every system and Python that nodeflow supports. Called by `make lock`.
# Versions that the file already has stay, unless they no longer fit; `make lock UPGRADE=1` takes new ones.
# uv resolves, in an environment that is thrown away; it asks the index that pip is set up to use.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
index=$("$folder/venv/bin/python" -m pip config get global.index-url 2>/dev/null || true)
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
"$folder/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes \
    --no-emit-index-url --no-annotate --custom-compile-command "make lock" ${UPGRADE:+--upgrade} \
    --output-file requirements-dev.lock pyproject.toml >/dev/null

# The same versions for users: pip install --constraint constraints.txt
{
    echo "# Written by make lock: the versions that nodeflow was tested with."
    sed -n 's/ *\\$//; /^[a-zA-Z0-9].*==/p' requirements-dev.lock
} > constraints.txt
