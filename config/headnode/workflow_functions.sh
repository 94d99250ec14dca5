#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the scripts about sessions share; it is put in front of each of them.
# The files `controller` and `command` of a run directory name a process: <boot id> <pid> <kernel start time>.

dyec_boot() { cat /proc/sys/kernel/random/boot_id; }

dyec_started() {
    # Kernel start time of the process $1; nothing when there is no such living process.
    local state rest
    { read -r state rest < <(sed 's/^.*) //' "/proc/$1/stat"); } 2> /dev/null || return 0
    case "$state" in Z | X) return 0 ;; esac
    cut -d ' ' -f 19 <<< "$rest"
}

dyec_identity() { printf '%s %s %s\n' "$(dyec_boot)" "$1" "$(dyec_started "$1")"; }

dyec_process() {
    # What became of the process that the file $1 names: alive, gone, other-boot, or none when no process is named.
    local boot pid start
    { read -r boot pid start < "$1"; } 2> /dev/null || { echo none; return; }
    if [ "$boot" != "$(dyec_boot)" ]; then echo other-boot; return; fi
    if [ -n "$start" ] && [ "$(dyec_started "$pid")" = "$start" ]; then echo alive; else echo gone; fi
}

dyec_group() {
    # Whether the command of the run directory $1 lives: its process group has a member.
    if [ -n "$(dyec_members "$1")" ]; then echo alive; else echo gone; fi
}

dyec_members() {
    # Living processes of the group of the command in $1: its leader, and those that carry the mark of the run directory,
    # because a group number may be used again.
    local boot leader start pid
    { read -r boot leader start < "$1/command"; } 2> /dev/null || return 0
    [ "$boot" = "$(dyec_boot)" ] || return 0
    for pid in $(ps -e -o pid=,pgid=,stat= | awk -v group="$leader" '$2 == group && $3 !~ /^[ZX]/ { print $1 }'); do
        if [ "$pid" = "$leader" ]; then
            [ "$(dyec_started "$pid")" != "$start" ] || echo "$pid"
        elif tr '\0' '\n' 2> /dev/null < "/proc/$pid/environ" | grep -qxF "DYEC_RUN=$1"; then
            echo "$pid"
        fi
    done
}

dyec_end_group() {
    # TERM to the command of the run directory $1, KILL after $2 seconds.
    local pid waited=0
    { read -r _ pid _ < "$1/command"; } 2> /dev/null || return 0
    [ "$(dyec_group "$1")" = alive ] || return 0
    kill -TERM -- "-$pid" 2> /dev/null
    while [ "$(dyec_group "$1")" = alive ] && [ "$waited" -lt $(($2 * 5)) ]; do
        sleep 0.2
        waited=$((waited + 1))
    done
    [ "$(dyec_group "$1")" != alive ] || kill -KILL -- "-$pid" 2> /dev/null
    return 0
}

dyec_queue() {
    # The queue as <job>|<state>|<working directory> lines; fails when Slurm does not answer.
    command -v squeue > /dev/null && timeout 20 squeue --noheader --format '%i|%T|%Z' 2> /dev/null
}

dyec_jobs_in() {
    # Of the queue on standard input the jobs whose working directory lies in $1, as <job> <state>.
    awk -F '|' -v dir="$1" '$3 == dir || index($3, dir "/") == 1 { print $1 " " $2 }'
}

dyec_tmux() {
    # Whether the run directory $1 has a tmux session.  A name with a full stop is a kept, older run.
    case "${1##*/}" in *.*) echo none; return ;; esac
    if tmux has-session -t "=${1##*/}" 2> /dev/null; then echo alive; else echo none; fi
}

dyec_facts() {
    # Facts about the run directory $1, with the queue $3 when $2 is `known`: key=value lines, then three documents.
    # What changes is read before what it changes, so an end between two reads cannot look like a death.
    local alive command
    alive=$(dyec_process "$1/controller")
    command=$(dyec_group "$1")
    printf 'run_dir=%s\ntmux=%s\ncontroller=%s\ncommand=%s\n' "$1" "$(dyec_tmux "$1")" "$alive" "$command"
    printf 'controller_id=%s\n' "$(cat "$1/controller" 2> /dev/null)"
    if [ -d "$(cat "$1/analysis_dir" 2> /dev/null)" ]; then echo analysis=present; else echo analysis=gone; fi
    printf 'jobs=%s\n' "$2"
    [ "$2" != known ] || dyec_jobs_in "$(cat "$1/analysis_dir" 2> /dev/null)" <<< "$3" | sed 's/^/job=/'
    echo --
    cat "$1/status.json" 2> /dev/null
    printf '\n--\n'
    cat "$1/export/fsx_export.yaml" 2> /dev/null || return 0
}

dyec_facts_now() {
    # The same with a queue that is asked for now; a Slurm that does not answer is `unknown`, not empty.
    local queue
    if queue=$(dyec_queue); then dyec_facts "$1" known "$queue"; else dyec_facts "$1" unknown ""; fi
}

dyec_run_dir() {
    # Sets run_dir from DYEC_SESSION or DYEC_RUN_DIR.
    run_dir="${DYEC_RUN_DIR:-$HOME/daylily-runs/$DYEC_SESSION}"
    [ -d "$run_dir" ] || { printf 'There is no run directory %s on %s.\n' "$run_dir" "$(hostname)" >&2; exit 2; }
}

dyec_mark() { printf '__DAYLILY_%s__=%s\n' "$1" "$2"; }

dyec_refuse() {
    dyec_mark ERROR "$1"
    printf '%s\n' "$2" >&2
    exit 8
}

dyec_start_session() {
    # Runs launch.sh of the run directory $1 in a tmux session, in the directory $2, and waits for its controller.  The
    # workflow's shell shall not inherit the parameters of this script, nor its lock.  A tmux server that is just ending,
    # because its last session has, refuses a new one for a moment.
    local name="${1##*/}" variable strip=() try deadline
    while IFS= read -r variable; do strip+=(-u "$variable"); done < <(compgen -e DYEC_)
    for try in 1 2 3 4; do
        if env "${strip[@]}" tmux new-session -d -s "$name" -c "$2" bash -l "$1/launch.sh" 9>&-; then break; fi
        [ "$try" -lt 4 ] || dyec_refuse session_start_failed "tmux could not start the session $name."
        sleep 0.5
    done
    deadline=$((SECONDS + 60))
    until [ -e "$1/controller" ]; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            tmux kill-session -t "=$name" 2> /dev/null
            dyec_refuse session_start_timeout "Session $name did not start within 60 s: $(tail -n 5 "$1/tmux.log")"
        fi
        sleep 0.1
    done
}
