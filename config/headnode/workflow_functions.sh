#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the scripts about sessions share; it is put in front of each of them.
# The files `controller` and `command` of a run directory name a process: <boot id> <pid> <kernel start time>.
# Its file `launch_id` names the launch, as `.launch_id` does in the analysis directory that this launch made.

dyec_locks=()
# Sessions belong to the user's own tmux server, whichever one this was typed in.
unset TMUX

dyec_lock() {
    # Takes the lock $1 until this script ends; without it, the refusal $2 with the reason $3.  A session is locked before
    # its analysis directory.
    local lock file="$HOME/daylily-runs/.$1.lock"
    exec {lock}> "$file" || dyec_refuse lock_failed "$file cannot be written."
    flock -w 60 "$lock" || dyec_refuse "$2" "$3"
    dyec_locks+=("$lock")
}

dyec_lock_analysis() {
    dyec_lock "analysis.$(realpath -m -- "$1" 2> /dev/null | sha256sum | cut -c 1-64)" analysis_dir_busy "Another launch or resume works on $1."
}

dyec_unlocked() {
    # Runs a command that may outlive this script, and must not keep its locks.
    (
        for lock in "${dyec_locks[@]}"; do exec {lock}>&-; done
        exec "$@"
    )
}

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
    # Living processes of the command in $1, as <pid> <group>: its leader, and whoever carries the mark of the run directory,
    # because a group number may be used again, and a process may leave its group.  The controller with its helpers is none of
    # them, nor is what Slurm runs: that goes on, and is cancelled, as a job.
    local boot leader start controller="" pid group
    { read -r boot leader start < "$1/command"; } 2> /dev/null || return 0
    [ "$boot" = "$(dyec_boot)" ] || return 0
    if [ -n "$start" ] && [ "$(dyec_started "$leader")" = "$start" ]; then echo "$leader $leader"; fi
    { read -r _ controller _ < "$1/controller"; } 2> /dev/null
    grep -lszxF -- "DYEC_RUN=$1" /proc/[0-9]*/environ | cut -d / -f 3 | xargs -r ps -o pid=,pgid= | while read -r pid group; do
        if [ "$pid" = "$leader" ] || [ "$group" = "$controller" ]; then continue; fi
        if [ "$group" = "$leader" ] || ! grep -qsz '^SLURM_JOB_ID=' "/proc/$pid/environ"; then echo "$pid $group"; fi
    done
}

dyec_signal() {
    # The signal $2 to the command of the run directory $1: to its group at once, then to whoever has left it.
    local leader members
    { read -r _ leader _ < "$1/command"; } 2> /dev/null || return 0
    members=$(dyec_members "$1")
    ! grep -q " $leader\$" <<< "$members" || kill "-$2" -- "-$leader" 2> /dev/null
    # shellcheck disable=SC2046  # one word per process
    kill "-$2" $(awk -v group="$leader" '$2 != group { print $1 }' <<< "$members") 2> /dev/null
}

dyec_end_group() {
    # TERM to the command of the run directory $1, KILL after $2 seconds.
    local waited=0
    [ "$(dyec_group "$1")" = alive ] || return 0
    dyec_signal "$1" TERM
    while [ "$(dyec_group "$1")" = alive ] && [ "$waited" -lt $(($2 * 5)) ]; do
        sleep 0.2
        waited=$((waited + 1))
    done
    [ "$(dyec_group "$1")" != alive ] || dyec_signal "$1" KILL
    return 0
}

dyec_runs() {
    # Whether the session of the run directory $1 is at work.  A command that has outlived its controller counts: it writes
    # where a new one would.
    [ "$(dyec_tmux "$1")" = alive ] || [ "$(dyec_process "$1/controller")" = alive ] || [ "$(dyec_group "$1")" = alive ]
}

dyec_session_in() {
    # Name of a session other than $2 that is at work in the analysis directory $1; fails when there is none.
    local other place
    place=$(realpath -m -- "$1")
    for other in "$HOME"/daylily-runs/*/; do
        other="${other%/}"
        if [ "${other##*/}" = "$2" ] || [ ! -s "$other/analysis_dir" ]; then continue; fi
        [ "$(realpath -m -- "$(cat "$other/analysis_dir")")" = "$place" ] || continue
        if dyec_runs "$other"; then echo "${other##*/}"; return; fi
    done
    return 1
}

dyec_queue() {
    # The queue as <job>|<state>|<working directory> lines; fails when Slurm does not answer.
    command -v squeue > /dev/null && timeout 20 squeue --noheader --format '%i|%T|%Z' 2> /dev/null
}

dyec_jobs_in() {
    # Of the queue on standard input the jobs whose working directory lies in $1, as <job> <state>.  A job has the name of its
    # directory from the kernel, without symbolic links, or from who submitted it.
    awk -F '|' -v dir="$1" -v place="$(realpath -m -- "$1")" '
        $3 == dir || index($3, dir "/") == 1 || $3 == place || index($3, place "/") == 1 { print $1 " " $2 }'
}

dyec_analysis() {
    # What became of the analysis directory of the run directory $1: present, gone, or replaced by another launch's.  One that
    # names no launch is of a release that recorded none.
    local directory made_by
    directory=$(cat "$1/analysis_dir" 2> /dev/null)
    made_by=$(cat "$directory/.launch_id" 2> /dev/null)
    if [ ! -d "$directory" ]; then
        echo gone
    elif [ -z "$made_by" ] || [ "$made_by" = "$(cat "$1/launch_id" 2> /dev/null)" ]; then
        echo present
    else
        echo replaced
    fi
}

dyec_jobs_of() {
    # Of the queue on standard input the jobs of the session of the run directory $1, as <job> <state>: those in its analysis
    # directory, unless that is another launch's by now.
    [ -s "$1/analysis_dir" ] && [ "$(dyec_analysis "$1")" != replaced ] || return 0
    dyec_jobs_in "$(cat "$1/analysis_dir")"
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
    printf 'analysis=%s\njobs=%s\n' "$(dyec_analysis "$1")" "$2"
    [ "$2" != known ] || dyec_jobs_of "$1" <<< "$3" | sed 's/^/job=/'
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

dyec_environment() {
    # Sets environment: what a session begins with.  The parameters of this script, the settings of whoever launched it, and
    # those of whoever began the tmux server, are not the workflow's; what its user wants stands in the profile of the shell.
    local name
    environment=()
    for name in HOME USER LOGNAME SHELL PATH LANG LC_ALL TZ TMPDIR TMUX_TMPDIR \
        http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        [ -z "${!name:-}" ] || environment+=("$name=${!name}")
    done
}

dyec_start_session() {
    # Runs launch.sh of the run directory $1 in a tmux session, in the directory $2, and waits for its controller.  All that
    # it starts carries the mark DYEC_RUN.  A tmux server that is just ending, because its last session has, refuses a new
    # one for a moment.
    local name="${1##*/}" environment try deadline
    dyec_environment
    for try in 1 2 3 4; do
        if dyec_unlocked env -i "${environment[@]}" tmux new-session -d -s "$name" -c "$2" \
            env -i "${environment[@]}" TERM=screen "DYEC_RUN=$1" bash -l "$1/launch.sh"; then break; fi
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
