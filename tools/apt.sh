#!/bin/sh
# apt.sh PACKAGE...: install system packages when we may, else print the one command to type and
# fail.
set -eu
say() { printf '%s\n' "nodeflow: $*" >&2; }

if ! command -v apt-get >/dev/null 2>&1; then
    say "some system packages are missing. On Debian or Ubuntu they are: $*"
    say "Install what your system calls these, then try again."
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    say "some system packages are missing. Type this once, then try again:"
    say "    sudo apt-get install -y $*"
    exit 1
fi
say "installing system packages: $*"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null
