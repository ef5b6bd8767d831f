#!/usr/bin/env bash
# Runs every check of CI to its end, then says in one table which ones failed.
# Usage: scripts/check.sh TARGET...      each is a target of the Makefile
set -uo pipefail
cd "$(dirname "$0")/.."

failed=0
summary=()
for target in "$@"; do
  printf '\n== %s\n' "$target"
  started=$SECONDS
  if "${MAKE:-make}" --no-print-directory "$target"; then word=ok; else word=FAILED; failed=1; fi
  summary+=("$(printf '%-12s %-7s %4d s' "$target" $word $((SECONDS - started)))")
done

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
if [[ $failed == 0 ]]; then echo "All checks passed."; else echo "Some checks failed."; fi
exit $failed
