#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints who uses the directory DYEC_MOUNT, one line each, then "done":
#   use <what>        a live session, a job or a process that works in it, reads it, or works in an analysis that links into it
#   link <what>       an analysis directory that links into it, although nothing of it runs
#   unknown <what>    somebody who could use it, and cannot be looked at
# DYEC_ANALYSES is the directory of all analyses.  Functions about sessions are put in front of this script.
set -u -o pipefail
shopt -s nullglob

inside() {
    # Whether the path $1 is the mount or lies in it.
    [ "$1" = "$DYEC_MOUNT" ] || [ "${1#"$DYEC_MOUNT"/}" != "$1" ]
}

names_mount() {
    # Whether the text $1 names the mount: as a whole component, whatever comes after it.
    local rest="$1"
    while [[ $rest == *"$DYEC_MOUNT"* ]]; do
        rest=${rest#*"$DYEC_MOUNT"}
        case "$rest" in [A-Za-z0-9._-]*) ;; *) return 0 ;; esac
    done
    return 1
}

say() {
    local text="${2//[^[:print:]]/?}"
    printf '%s %s\n' "$1" "${text:0:300}"
}

# Analyses that link into the mount: their directories, one per line.
linked=""
for link in "$DYEC_ANALYSES"/*/*/*/config/run_dir_links/*; do
    [ -L "$link" ] || continue
    inside "$(readlink -- "$link")" || continue
    analysis=${link#"$DYEC_ANALYSES"/}
    analysis="$DYEC_ANALYSES/$(cut -d / -f 1-2 <<< "$analysis")"
    grep -qxF -- "$analysis" <<< "$linked" || linked+="$analysis"$'\n'
done

in_linked() {
    # The linked analysis in which the path $1 lies; fails when it lies in none.
    local analysis
    while IFS= read -r analysis; do
        [ -n "$analysis" ] || continue
        if [ "$1" = "$analysis" ] || [ "${1#"$analysis"/}" != "$1" ]; then printf '%s\n' "$analysis"; return 0; fi
    done <<< "$linked"
    return 1
}

sessions() {
    local run_dir analysis why
    for run_dir in "$HOME"/daylily-runs/*/; do
        run_dir=${run_dir%/}
        analysis=$(cat "$run_dir/analysis_dir" 2> /dev/null)
        why=""
        if [ -n "$analysis" ] && in_linked "$analysis" > /dev/null; then why="links into it"; fi
        if [ -z "$why" ] && names_mount "$(cat "$run_dir/launch.env" "$run_dir/attempt.env" 2> /dev/null)"; then why="names it"; fi
        [ -n "$why" ] || continue
        if [ "$(dyec_tmux "$run_dir")" = alive ] || [ "$(dyec_process "$run_dir/controller")" = alive ] || [ "$(dyec_group "$run_dir")" = alive ]; then
            say use "session ${run_dir##*/} ($analysis) runs and $why"
        fi
    done
}

jobs_of_slurm() {
    local queue job state directory analysis shown
    if ! queue=$(dyec_queue); then
        say unknown "Slurm does not say which jobs wait or run"
        return
    fi
    while IFS='|' read -r job state directory; do
        [ -n "$job" ] || continue
        if inside "$directory"; then
            say use "job $job ($state) works in $directory"
        elif analysis=$(in_linked "$directory"); then
            say use "job $job ($state) works in $analysis, which links into it"
        elif ! shown=$(timeout 20 scontrol show job "$job" 2> /dev/null); then
            say unknown "job $job ($state) cannot be looked at"
        elif names_mount "$shown $(timeout 20 scontrol write batch_script "$job" - 2> /dev/null)"; then
            say use "job $job ($state) names it"
        fi
    done <<< "$queue"
}

held_paths() {
    # What the process directory $1 holds open: its working directory first, then files, and mapped files.
    readlink -- "$1/cwd" "$1"/fd/* 2> /dev/null
    sed -n 's/^[^/]*\(\/.*\)$/\1/p' "$1/maps" 2> /dev/null
}

look_at() {
    # Sets what: what the process directory $1 with the command line $2 does with the mount, empty when nothing is seen.
    local paths path analysis
    what=""
    mapfile -t paths < <(held_paths "$1")
    for path in "${paths[@]}"; do
        if inside "$path"; then
            what="has $path open"
            return
        fi
    done
    if [ -n "$linked" ] && [ -n "${paths[0]:-}" ] && analysis=$(in_linked "${paths[0]}"); then
        what="works in $analysis, which links into it"
    elif names_mount "$2"; then
        what="names it"
    fi
}

processes() {
    local process name what whole words
    # In a user namespace of one's own (a container) nobody sees what others hold open: command lines have to do there.
    read -r _ _ whole < /proc/self/uid_map
    for process in /proc/[0-9]*; do
        { mapfile -d '' -t words < "$process/cmdline"; } 2> /dev/null || continue
        [ "${#words[@]}" -gt 0 ] || continue
        { read -r name < "$process/comm"; } 2> /dev/null || continue
        look_at "$process" "${words[*]}"
        if [ -n "$what" ]; then
            say use "process ${process#/proc/} ($name) $what"
        elif [ "$whole" = 4294967295 ]; then
            unreadable "$process" "$name"
        fi
    done
}

unreadable() {
    # Says that the process directory $1 (called $2) cannot be looked at.  Services of the system run under numbers below 1000.
    local owner
    ! readlink -- "$1/cwd" > /dev/null 2>&1 || return 0
    owner=$(stat -c %u -- "$1" 2> /dev/null) || return 0
    if [ "$owner" -ge 1000 ] && [ "$owner" != 65534 ]; then
        say unknown "process ${1#/proc/} ($2) of user $owner cannot be looked at"
    fi
}

all_processes() {
    # As root where that is allowed: nobody else may look at every process.  The values are no arguments of any command.
    if ! sudo -n true 2> /dev/null; then
        processes
        return
    fi
    {
        declare -f inside in_linked names_mount say held_paths look_at processes unreadable
        printf 'DYEC_MOUNT=%q\nlinked=%q\nprocesses\n' "$DYEC_MOUNT" "$linked"
    } | sudo -n bash -s
}

sessions
jobs_of_slurm
all_processes || exit 1
while IFS= read -r analysis; do
    [ -z "$analysis" ] || say link "$analysis"
done <<< "$linked"
echo 'done'
