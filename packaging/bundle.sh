#!/bin/sh
# Build the bundle, a folder that needs no Python: build/bundle/nodeflow, and its archive beside it.
# Called by `make bundle`. On Linux it runs on systems whose C library is as new as the one here, or newer:
# build it in the oldest one that Qt allows, Debian 12 (packaging/bare_root.sh makes a root of it).
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
folder=build/bundle

rm -rf "$folder"
mkdir -p "$folder"
"$python" -m venv "$folder/venv"
bin=$folder/venv/bin
[ -d "$bin" ] || bin=$folder/venv/Scripts  # Windows
"$bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
    ".[onnx]" "pyinstaller>=6.10"
"$bin/pyinstaller" --log-level WARN --noconfirm --distpath "$folder" --workpath "$folder/work" \
    packaging/nodeflow.spec
cp "$folder/work/nodeflow/NOTICES.txt" "$folder/nodeflow"
rm -rf "$folder/venv" "$folder/work"
cd "$folder"
case $(uname) in
    Linux) tar -cf - nodeflow | xz -T0 -6 > nodeflow.tar.xz ;;
    Darwin) ditto -c -k --keepParent nodeflow.app nodeflow.zip ;;
    *) "$python" -m zipfile -c nodeflow.zip nodeflow ;;
esac
ls -l nodeflow.tar.xz nodeflow.zip 2>/dev/null || true
