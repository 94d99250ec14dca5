#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints lines of a session's log: first a line `<lines in the log> <exit code or ->`, then the last DYEC_LINES lines,
# or with DYEC_AFTER every line after that number.  An unfinished last line waits for its end while the session runs.
set -u
run_dir="${DYEC_RUN_DIR:-$HOME/daylily-runs/$DYEC_SESSION}"
log="$run_dir/tmux.log"
if [ ! -r "$log" ]; then
    printf 'There is no log %s on %s.\n' "$log" "$(hostname)" >&2
    exit 2
fi
ended=$(sed -n 's/^  "exit_code": \([0-9]*\),$/\1/p' "$run_dir/status.json" 2> /dev/null)
total=$(wc -l < "$log")
[ -z "$ended" ] || total=$(awk 'END { print NR }' "$log")
if [ -n "${DYEC_AFTER:-}" ]; then first=$((DYEC_AFTER + 1)); else first=$((total - DYEC_LINES + 1)); fi
[ "$first" -ge 1 ] || first=1
printf '%s %s\n' "$total" "${ended:--}"
[ "$first" -gt "$total" ] || sed -n "${first},${total}p" "$log"
