#!/bin/sh
# Build the bundle, a folder that needs no Python: build/bundle/nodeflow, and the same as nodeflow.tar.xz.
# Called by `make bundle`. It runs on systems whose C library is as new as the one here, or newer.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
folder=build/bundle

rm -rf "$folder"
mkdir -p "$folder"
"$python" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
    ".[onnx]" "pyinstaller>=6.10"
"$folder/venv/bin/pyinstaller" --log-level WARN --noconfirm --distpath "$folder" --workpath "$folder/work" \
    packaging/nodeflow.spec
cp "$folder/nodeflow/_internal/nodeflow/_resources/NOTICES.txt" "$folder/nodeflow"
tar -C "$folder" -cf - nodeflow | xz -T0 -6 > "$folder/nodeflow.tar.xz"
rm -rf "$folder/venv" "$folder/work"
ls -l "$folder/nodeflow.tar.xz"
