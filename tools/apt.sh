#!/bin/sh
# apt.sh "what it is" PACKAGE...: install system packages when we may, else print the one command
# to type and fail.
set -eu
what=$1
shift
say() { printf '%s\n' "nodeflow: $*" >&2; }

if ! command -v apt-get >/dev/null 2>&1; then
    say "missing: $what. On Debian or Ubuntu it is: $*"
    say "Install what your system calls these, then try again."
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    say "missing: $what. Type this once, then try again:"
    say "    sudo apt-get install -y $*"
    exit 1
fi
say "installing $what: $*"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null
