#!/bin/sh
# Make .venv usable for one purpose: "run", "test", "docs" or "dev". Called by the Makefile; needs only
# python3 and, for what is missing, apt-get and root. Elsewhere it prints the command to type.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}
venv=.venv

say() { printf '%s\n' "nodeflow: $*" >&2; }
fail() { say "$@"; exit 1; }
is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
is_usable() { is_recent "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }

# The first interpreter that is new enough; PYTHON=... on make's command line has the first word.
find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 && is_recent "$name"; then
            echo "$name"
            return
        fi
    done
    found=$(python3 --version 2>&1 || true)
    fail "Python 3.11 or newer is needed, and python3 is: ${found:-not there}." \
        "Install a newer one beside it (Debian, Ubuntu: apt-get install python3.11 python3.11-venv)" \
        "or say where one is: make PYTHON=/path/to/python3 $purpose"
}

# Everything that apt has to bring, in one go: Debian keeps venv's pip in a package of its own, and
# a small system lacks most of what Qt needs.
need_system_packages() {
    packages=$("$1" tools/qt_libraries.py) || true
    "$1" -c 'import ensurepip, venv' 2>/dev/null ||
        packages="$("$1" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])') $packages"
    # shellcheck disable=SC2086
    [ -z "$packages" ] || sh tools/apt.sh $packages
}

if ! is_usable; then
    python=$(find_python)
    # Elsewhere the list is a guess, and only what Qt's files say counts.
    if command -v apt-get >/dev/null 2>&1; then need_system_packages "$python"; fi
    say "making $venv with $($python --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

case $purpose in
    run) target=. ;;
    *) target=".[$purpose]" ;;
esac
say "installing nodeflow for '$purpose' into $venv (the first time this downloads about 250 MB)"
# Developing takes the versions of the lock file, each file checked against its SHA-256.
[ "$purpose" = run ] ||
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        --requirement requirements-dev.lock ||
    fail "pip could not install what requirements-dev.lock names; its message is above."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable "$target" ||
    fail "pip could not install nodeflow; its message is above. Without a network, try again later."

# The tests that open a real window need an X server; without one they are skipped.
if [ "$purpose" = test ] && [ "$(uname)" = Linux ] && ! command -v Xvfb >/dev/null 2>&1; then
    sh tools/apt.sh xvfb || say "without Xvfb the tests of the real window are skipped"
fi

# Now that Qt is here, its own files say what they need.
need_system_packages "$venv/bin/python"
"$venv/bin/python" tools/qt_libraries.py >/dev/null ||
    fail "Install what provides the libraries above, then try again."
