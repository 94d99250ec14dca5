#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints facts about the run directory of a session (DYEC_SESSION, or DYEC_RUN_DIR itself): key=value lines, `--`, status.json.
set -u
run_dir="${DYEC_RUN_DIR:-$HOME/daylily-runs/$DYEC_SESSION}"
if [ ! -d "$run_dir" ]; then
    printf 'There is no run directory %s on %s.\n' "$run_dir" "$(hostname)" >&2
    exit 2
fi

controller() {
    local boot pid start now
    read -r boot pid start 2> /dev/null < "$run_dir/controller" || { echo none; return; }
    if [ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then echo other-boot; return; fi
    now=$(sed 's/^.*) //' "/proc/$pid/stat" 2> /dev/null | cut -d ' ' -f 20)
    if [ "$now" = "$start" ]; then echo alive; else echo gone; fi
}

jobs_of() {
    # Jobs whose working directory lies in the analysis directory; a Slurm that does not answer is `unknown`, not none.
    local queue
    if ! command -v squeue > /dev/null || ! queue=$(timeout 20 squeue --noheader --format '%i|%T|%Z' 2> /dev/null); then
        echo jobs=unknown
        return
    fi
    echo jobs=known
    awk -F '|' -v dir="$1" '$3 == dir || index($3, dir "/") == 1 { print "job=" $1 " " $2 }' <<< "$queue"
}

# What changes is read before what it changes, so an end between two reads cannot look like a death.
alive=$(controller)
printf 'run_dir=%s\n' "$run_dir"
if tmux has-session -t "=$(basename "$run_dir")" 2> /dev/null; then echo tmux=alive; else echo tmux=none; fi
printf 'controller=%s\n' "$alive"
jobs_of "$(cat "$run_dir/analysis_dir" 2> /dev/null)"
echo --
cat "$run_dir/status.json" 2> /dev/null
