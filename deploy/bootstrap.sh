#!/usr/bin/env bash
# Makes .venv in the repository root, after installing Python where the machine has none that is new enough.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
new_enough() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local python
    for python in python3 python3.13 python3.12 python3.11; do
        if new_enough "$python"; then echo "$python"; return; fi
    done
}

python=$(find_python)
if [ -z "$python" ] && command -v apt-get >/dev/null; then
    echo "Installing Python (apt-get install python3 python3-venv)" >&2
    as_root apt-get update -qq
    as_root apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
    python=$(find_python)
fi
if [ -z "$python" ]; then
    echo "Shipmate needs Python 3.11 or newer with the venv module; install it and run this again." >&2
    exit 1
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
