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
    # Whether the text on standard input names the mount: as a whole component, whatever comes after it.
    awk '{
        line = $0
        mount = ENVIRON["DYEC_MOUNT"]
        while ((at = index(line, mount)) > 0) {
            line = substr(line, at + length(mount))
            if (line == "" || line !~ /^[A-Za-z0-9._-]/) { found = 1; exit }
        }
    } END { exit !found }'
}

say() { printf '%s %s\n' "$1" "$(printf %s "$2" | tr -c '[:print:]' '?' | cut -c 1-300)"; }

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
        if [ -z "$why" ] && { cat "$run_dir/launch.env" "$run_dir/attempt.env" 2> /dev/null || true; } | names_mount; then
            why="names it"
        fi
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
        elif { printf '%s\n' "$shown"; timeout 20 scontrol write batch_script "$job" - 2> /dev/null || true; } | names_mount; then
            say use "job $job ($state) names it"
        fi
    done <<< "$queue"
}

paths_of() {
    # What the process directory $1 holds open: its working directory, files, and mapped files.
    readlink -- "$1/cwd" "$1"/fd/* 2> /dev/null
    sed -n 's/^[^/]*\(\/.*\)$/\1/p' "$1/maps" 2> /dev/null
}

processes() {
    local process pid owner name path analysis
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        case " $$ $PPID $BASHPID " in *" $pid "*) continue ;; esac
        owner=$(stat -c %u -- "$process" 2> /dev/null) || continue
        name=$(tr -d '\0' < "$process/comm" 2> /dev/null)
        if ! readlink -- "$process/cwd" > /dev/null 2>&1; then
            # Services of the system run under numbers below 1000, kernel threads have no directory at all.
            if [ "$owner" -ge 1000 ] && [ "$owner" != 65534 ] && [ "$owner" != "$(id -u)" ]; then
                say unknown "process $pid ($name) of user $owner cannot be looked at"
            fi
            continue
        fi
        while IFS= read -r path; do
            if inside "$path"; then say use "process $pid ($name) has $path open"; continue 2; fi
        done < <(paths_of "$process")
        path=$(readlink -- "$process/cwd" 2> /dev/null)
        if analysis=$(in_linked "$path"); then say use "process $pid ($name) works in $analysis, which links into it"; fi
    done
}

sessions
jobs_of_slurm
processes
while IFS= read -r analysis; do
    [ -z "$analysis" ] || say link "$analysis"
done <<< "$linked"
echo 'done'
