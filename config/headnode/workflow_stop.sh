#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ends the controller of a session and its command: TERM, after DYEC_GRACE_S seconds KILL.  DYEC_WHO is who wants it.
# Its Slurm jobs are cancelled with DYEC_CANCEL_JOBS=1 only.  Prints marker lines, then facts.  Safe to repeat.
set -u
run_dir=""
dyec_run_dir

exit_recorded() { grep -q '^  "exit_code": [0-9]' "$run_dir/status.json" 2> /dev/null; }

end_controller() {
    local pid waited=0
    read -r _ pid _ < "$run_dir/controller" || return 0
    kill -TERM "$pid" 2> /dev/null
    while [ "$(dyec_process "$run_dir/controller")" = alive ]; do
        if [ "$waited" -ge $((DYEC_GRACE_S * 5)) ]; then
            kill -KILL "$pid" 2> /dev/null
            break
        fi
        sleep 0.2
        waited=$((waited + 1))
    done
}

record_stop() {
    # For a controller that is gone without a word.
    printf %s "$DYEC_SESSION_SCRIPT" > "$run_dir/.launch.sh.new" &&
        chmod 0700 "$run_dir/.launch.sh.new" &&
        mv -f "$run_dir/.launch.sh.new" "$run_dir/launch.sh" &&
        "$run_dir/launch.sh" stopped 137
}

cancel_jobs() {
    # Cancels what the queue shows of the session, and waits until Slurm has let go of it.
    local queue jobs waited=0
    queue=$(dyec_queue) || return 0
    jobs=$(dyec_jobs_of "$run_dir" <<< "$queue" | cut -d ' ' -f 1)
    [ -n "$jobs" ] || return 0
    # shellcheck disable=SC2086  # one word per job
    scancel $jobs || return 0
    dyec_mark CANCELLED_JOBS "$(paste -sd ',' - <<< "$jobs")"
    while queue=$(dyec_queue) && dyec_jobs_of "$run_dir" <<< "$queue" | grep -q . && [ "$waited" -lt 40 ]; do
        sleep 0.5
        waited=$((waited + 1))
    done
}

dyec_lock "${run_dir##*/}" session_locked "Another command works on session ${run_dir##*/}."
if exit_recorded && [ "$(dyec_process "$run_dir/controller")" != alive ] && [ "$(dyec_group "$run_dir")" != alive ]; then
    outcome=already-ended
else
    outcome=stopped
    [ -e "$run_dir/stopped" ] || printf '%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$DYEC_WHO" > "$run_dir/stopped"
    if [ "$(dyec_process "$run_dir/controller")" = alive ]; then end_controller; fi
    dyec_end_group "$run_dir" "$DYEC_GRACE_S"
    exit_recorded || record_stop || dyec_refuse stop_not_recorded "$run_dir/status.json cannot be written."
fi
if [ "$(dyec_tmux "$run_dir")" = alive ]; then tmux kill-session -t "=${run_dir##*/}" 2> /dev/null; fi
dyec_mark OUTCOME "$outcome"
[ "$DYEC_CANCEL_JOBS" != 1 ] || cancel_jobs
dyec_mark FACTS below
dyec_facts_now "$run_dir"
