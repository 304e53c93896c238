#!/bin/sh
# Make the root folder of a bare Debian 12, the oldest release whose C library Qt allows, for chroot.
#
#     sh packaging/bare_root.sh FOLDER          glibc, X and fonts only: to try the bundle in
#     sh packaging/bare_root.sh FOLDER build    also Python and what PyInstaller needs: to build it in
#
# Needs root and debootstrap. 0.4 and 0.7 GB.
set -eu
tools=$(dirname "$0")/../tools
packages=xvfb,libx11-6,libgl1,libegl1,fonts-dejavu-core
if [ "${2:-}" = build ]; then
    packages=ca-certificates,make,python3-venv,libpython3.11,binutils,xz-utils
fi
mkdir -p "$1"
debootstrap --variant=minbase --include="$packages" bookworm "$1"
if [ "${2:-}" = build ]; then
    cp "$tools/qt_libraries.py" "$1/tmp"
    chroot "$1" sh -c 'apt-get install -y --no-install-recommends $(python3 /tmp/qt_libraries.py)'
fi
