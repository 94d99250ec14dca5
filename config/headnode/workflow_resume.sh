#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts the next attempt of a session whose controller is gone, in the analysis directory as it is.
# DYEC_RESUME_COMMAND and DYEC_UNLOCK_COMMAND come from the engine; DYEC_CANCEL_JOBS=1 cancels what is left in the queue,
# else the attempt waits for it; DYEC_WORKFLOW_CODE=0 says that only the export is left; DYEC_WHO is who wants it.
set -u
run_dir=""
dyec_run_dir
name="${run_dir##*/}"

recorded() { sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$run_dir/status.json" 2> /dev/null; }

check() {
    local other
    [ -r "$run_dir/launch.env" ] || dyec_refuse not_resumable "$run_dir holds no launch.env."
    case "$name" in *.*) dyec_refuse not_resumable "$run_dir is a kept, older run; its name has been used again." ;; esac
    if [ "$(dyec_process "$run_dir/controller")" = alive ] || [ "$(dyec_tmux "$run_dir")" = alive ]; then
        dyec_refuse session_runs "Session $name is busy: $(recorded phase)."
    fi
    if [ "$(recorded exit_code)" = 0 ] && [ "$(recorded phase)" = finished ]; then
        dyec_refuse session_succeeded "Session $name has succeeded; nothing is left to do."
    fi
    # shellcheck source=/dev/null
    . "$run_dir/launch.env"
    if [ ! -d "$DYEC_ANALYSIS_DIR" ] || [ ! -d "$DYEC_REPO_PATH" ]; then
        dyec_refuse analysis_dir_gone "$DYEC_REPO_PATH does not exist any more."
    fi
    if other=$(dyec_session_in "$DYEC_ANALYSIS_DIR" "$name"); then
        dyec_refuse analysis_dir_busy "Session $other works in $DYEC_ANALYSIS_DIR."
    fi
    [ "$(dyec_analysis "$run_dir")" != replaced ] ||
        dyec_refuse analysis_dir_replaced "Another launch has replaced $DYEC_ANALYSIS_DIR since."
}

attempt_settings() {
    local setting
    printf 'DYEC_ATTEMPT=%q\nDYEC_RESUMED_BY=%q\n' "$attempt" "$DYEC_WHO"
    printf 'DYEC_RESUMED_AT=%q\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    for setting in DYEC_RESUME_COMMAND DYEC_UNLOCK_COMMAND DYEC_CANCEL_JOBS DYEC_WORKFLOW_CODE; do
        printf '%s=%q\n' "$setting" "${!setting}"
    done
}

put_attempt() {
    # The record of the earlier attempt is kept; from here on it says nothing about the session any more.
    mkdir -p "$run_dir/attempts" &&
        { [ ! -e "$run_dir/status.json" ] || cp "$run_dir/status.json" "$run_dir/attempts/$before.json"; } &&
        rm -f "$run_dir/stopped" &&
        attempt_settings > "$run_dir/.attempt.env.new" &&
        mv -f "$run_dir/.attempt.env.new" "$run_dir/attempt.env" &&
        printf %s "$DYEC_SESSION_SCRIPT" > "$run_dir/.launch.sh.new" &&
        chmod 0700 "$run_dir/.launch.sh.new" &&
        mv -f "$run_dir/.launch.sh.new" "$run_dir/launch.sh" &&
        env -i "${environment[@]}" bash "$run_dir/launch.sh" prepare &&
        rm -f "$run_dir/controller" "$run_dir/command"
}

dyec_lock "$name" session_locked "Another command works on session $name."
dyec_lock_analysis "$(cat "$run_dir/analysis_dir" 2> /dev/null)"
check
# What the dead controller left running would work beside the new one.
dyec_end_group "$run_dir" "$DYEC_GRACE_S"
before=$(recorded attempt)
before=${before:-1}
attempt=$((before + 1))
environment=()
dyec_environment
put_attempt || dyec_refuse resume_failed "$run_dir cannot be written."
dyec_start_session "$run_dir" "$DYEC_REPO_PATH"
dyec_mark ATTEMPT "$attempt"
dyec_mark FACTS below
dyec_facts_now "$run_dir"
