#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The controller of one workflow: lies as launch.sh in the run directory and is run by tmux.
# Parameters are in launch.env beside it.  `launch.sh prepare` only writes the first status.
# status.json is replaced atomically at each phase: starting, activating, running, then finished or stopped;
# after a failure `phase` stays the one that failed.

run_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
# shellcheck source=/dev/null
. "$run_dir/launch.env" || exit 1

dyec_now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

dyec_text() {
    local text="$1"
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/\\n}
    text=${text//$'\r'/\\r}
    text=${text//$'\t'/\\t}
    printf '"%s"' "$text"
}

dyec_text_or_null() { if [ -n "$1" ]; then dyec_text "$1"; else printf null; fi; }

dyec_status() {
    # Phase, exit code or nothing.  Keys are sorted.
    local completed=""
    [ -z "$2" ] || completed=$(dyec_now)
    {
        printf '{\n'
        printf '  "analysis_dir": %s,\n' "$(dyec_text "$DYEC_ANALYSIS_DIR")"
        printf '  "analysis_id": %s,\n' "$(dyec_text "$DYEC_ANALYSIS_ID")"
        printf '  "boot_id": %s,\n' "$(dyec_text "$dyec_boot_id")"
        printf '  "command": %s,\n' "$(dyec_text "$DYEC_COMMAND")"
        printf '  "commit": %s,\n' "$(dyec_text "$DYEC_COMMIT")"
        printf '  "completed_at": %s,\n' "$(dyec_text_or_null "$completed")"
        printf '  "controller_pid": %s,\n' "${dyec_pid:-null}"
        printf '  "controller_start": %s,\n' "${dyec_pid_start:-null}"
        printf '  "executing_entity": %s,\n' "$(dyec_text "$DYEC_ENTITY")"
        printf '  "exit_code": %s,\n' "${2:-null}"
        printf '  "git_ref": %s,\n' "$(dyec_text "$DYEC_GIT_REF")"
        printf '  "phase": %s,\n' "$(dyec_text "$1")"
        printf '  "repo_path": %s,\n' "$(dyec_text "$DYEC_REPO_PATH")"
        printf '  "repository": %s,\n' "$(dyec_text "$DYEC_REPOSITORY")"
        printf '  "schema_version": 1,\n'
        printf '  "session_name": %s,\n' "$(dyec_text "$DYEC_SESSION")"
        printf '  "started_at": %s\n' "$(dyec_text "$DYEC_STARTED_AT")"
        printf '}\n'
    } > "$run_dir/.status.json.new" && mv -f "$run_dir/.status.json.new" "$run_dir/status.json"
}

dyec_phase() {
    dyec_current="$1"
    dyec_status "$1" ""
    printf '[%s] %s\n' "$(dyec_now)" "$1"
}

# shellcheck disable=SC2317  # called by a trap
dyec_finish() {
    local code=$?
    trap - EXIT HUP INT TERM
    # The log is complete before the status says so.
    printf '[%s] %s, exit code %s\n' "$(dyec_now)" "$dyec_current" "$code"
    dyec_status "$dyec_current" "$code"
}

# shellcheck disable=SC2317  # called by traps
dyec_stop() {
    # A signal ends the command's whole process group, then the controller.
    local waited=0
    trap '' HUP INT TERM
    dyec_current=stopped
    if [ -n "$dyec_child" ]; then
        kill -TERM -- "-$dyec_child" 2> /dev/null
        while kill -0 -- "-$dyec_child" 2> /dev/null && [ "$waited" -lt 50 ]; do
            sleep 0.2
            waited=$((waited + 1))
        done
        kill -KILL -- "-$dyec_child" 2> /dev/null
    fi
    exit "$1"
}

dyec_boot_id=$(cat /proc/sys/kernel/random/boot_id)
dyec_child="" dyec_current=starting dyec_pid="" dyec_pid_start=""
if [ "${1:-}" = prepare ]; then
    dyec_status starting ""
    exit
fi

dyec_pid=$$
dyec_pid_start=$(sed 's/^.*) //' "/proc/$$/stat" | cut -d ' ' -f 20)
trap dyec_finish EXIT
trap 'dyec_stop 129' HUP
trap 'dyec_stop 130' INT
trap 'dyec_stop 143' TERM
if [ -t 1 ]; then
    # The log file is complete whatever happens to the terminal; who attaches sees it live.
    tail -n +1 -f --pid=$$ "$run_dir/tmux.log" &
fi
exec >> "$run_dir/tmux.log" 2>&1 < /dev/null
printf '%s %s %s\n' "$dyec_boot_id" "$dyec_pid" "$dyec_pid_start" > "$run_dir/.controller.new"
dyec_phase starting
mv -f "$run_dir/.controller.new" "$run_dir/controller"

cd "$DYEC_REPO_PATH" || exit 1
shopt -s expand_aliases
if [ "$DYEC_ACTIVATE" = 1 ]; then
    dyec_phase activating
    dyec_options=()
    unset PROJECT
    if [ -n "$DYEC_PROJECT" ]; then
        export PROJECT="$DYEC_PROJECT"
        dyec_options+=(--project "$DYEC_PROJECT")
    fi
    [ "$DYEC_SKIP_PROJECT_CHECK" != 1 ] || dyec_options+=(--skip-project-check)
    # shellcheck source=/dev/null
    . ./dyoainit "${dyec_options[@]}" || exit
    # shellcheck source=/dev/null
    . ./bin/day_activate slurm "$DYEC_GENOME" remote || exit
fi

dyec_phase running
printf '+ %s\n' "$DYEC_COMMAND"
set -m
(eval "$DYEC_COMMAND") < /dev/null &
dyec_child=$!
wait "$dyec_child"
dyec_code=$?
set +m
dyec_child="" dyec_current=finished
exit "$dyec_code"
