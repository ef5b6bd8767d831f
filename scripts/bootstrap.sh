#!/usr/bin/env bash
# Makes .venv and installs the pinned requirements into it; quick when nothing changed.
# Usage: scripts/bootstrap.sh [run|dev]      PYTHON=/path/to/python3 chooses another one.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-run}
case $kind in
  run) requirements=requirements.txt ;;
  dev) requirements=requirements-dev.txt ;;
  *) echo "Unknown kind '$kind': use run or dev." >&2; exit 2 ;;
esac

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if recent "$candidate"; then command -v "$candidate"; return; fi
  done
  echo "BTC Watcher needs Python 3.11 or later, and none was found (python3 is" \
    "$(python3 --version 2>&1 || true)). Install one, or name it: PYTHON=/path/to/python3" \
    "make up" >&2
  return 1
}

# Debian and Ubuntu keep ensurepip, which venv needs, in a package of its own.
ensure_venv_module() {
  local python=$1
  if "$python" -c 'import ensurepip, venv' 2>/dev/null; then return; fi
  local package
  package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing the system package $package ..."
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$package" >/dev/null ||
      { apt-get update -q >/dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$package" >/dev/null; }
  else
    echo "$python cannot make virtual environments. Install the module with:" \
      "sudo apt-get install $package" >&2
    return 1
  fi
}

venv=.venv
if ! recent $venv/bin/python || ! $venv/bin/python -m pip --version >/dev/null 2>&1; then
  python=$(find_python)
  ensure_venv_module "$python"
  echo "Making $venv with $("$python" --version) ..."
  # What is left of an interrupted run, or made by a Python that is gone.
  rm -rf $venv
  "$python" -m venv $venv
fi

# The pins for development include those for running, so either stamp may be current.
wanted=$(sha256sum <$requirements)
stamp=$venv/.installed-$kind
[[ $(cat $stamp 2>/dev/null) == "$wanted" ]] && exit 0

rm -f $venv/.installed-*
log=$venv/pip.log
# Every pin is listed with hashes, so dependencies need no resolving.
if ! $venv/bin/python -m pip install --no-deps --require-hashes --no-input \
  --disable-pip-version-check --progress-bar off --root-user-action ignore \
  -r $requirements 2>&1 | tee $log |
  $venv/bin/python scripts/pip_progress.py $requirements; then
  echo "pip could not install $requirements; the end of $log:" >&2
  tail -n 15 $log >&2
  exit 1
fi
echo "$wanted" >$stamp
if [[ $kind == dev ]]; then sha256sum <requirements.txt >$venv/.installed-run; fi
