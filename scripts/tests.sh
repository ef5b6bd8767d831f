#!/usr/bin/env bash
# Runs all tests with coverage. The few that failed run once more with nothing beside
# them, and are named: a machine that is busy with everything else breaks the time-outs
# of real servers and browsers. What fails twice has failed, and so has a run in which
# more failed than that explains.
set -uo pipefail
cd "$(dirname "$0")/.."

MOST_UNSTEADY=3
python=.venv/bin/python
coverage=(--cov --cov-report= --cov-fail-under=0)

# Prints the names of the tests that failed last.
failed() {
  local kept=.pytest_cache/v/cache/lastfailed
  [[ -f $kept ]] && "$python" -c 'import json, sys; print(*json.load(open(sys.argv[1])), sep="\n")' "$kept"
}

rm -f .pytest_cache/v/cache/lastfailed
"$python" -m pytest -n "${WORKERS:-3}" --dist worksteal "${coverage[@]}"
result=$?
mapfile -t unsteady < <(failed)
if ((result == 1 && ${#unsteady[@]} >= 1 && ${#unsteady[@]} <= MOST_UNSTEADY)); then
  printf '\n== once more, with nothing beside them\n'
  "$python" -m pytest --last-failed --last-failed-no-failures none --cov-append "${coverage[@]}"
  result=$?
  ((result == 0)) && printf 'unsteady: %s\n' "${unsteady[@]}"
fi
.venv/bin/coverage report || result=$?
exit "$result"
