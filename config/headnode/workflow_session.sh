#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The controller of one workflow: lies as launch.sh in the run directory and is run by tmux.
# Parameters are in launch.env beside it; those of an attempt that resumes the workflow in attempt.env.
# `launch.sh prepare` only writes the first status, `launch.sh stopped CODE` the last one of a controller that cannot.
# status.json is replaced atomically at each phase: starting, waiting, activating, preparing, running, exporting, then
# finished or stopped; after a failure `phase` stays the one that failed.
# What only BCL Convert needs is prepared; when it cannot be, nothing runs, `message` says why, and the exit code is
# 13 (the version has no native rules), 14 (its profile cannot be used), 15 (Slurm has no such partition) or
# 16 (the dyec of this node cannot prepare it).

run_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
# shellcheck source=/dev/null
. "$run_dir/launch.env" || exit 1
# shellcheck source=/dev/null
[ ! -e "$run_dir/attempt.env" ] || . "$run_dir/attempt.env" || exit 1
DYEC_ATTEMPT=${DYEC_ATTEMPT:-1}
DYEC_EXPORT_TRIGGER=${DYEC_EXPORT_TRIGGER:-none}
DYEC_GRACE_S=${DYEC_GRACE_S:-10}

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

dyec_text_or_null() { if [ -n "${1:-}" ]; then dyec_text "$1"; else printf null; fi; }

dyec_export_record() {
    if [ "$DYEC_EXPORT_TRIGGER" = none ]; then printf null; return; fi
    printf '{"deleted": %s, "destination_s3_uri": %s, "exit_code": %s, "message": %s, "receipt": %s, "status": %s, "trigger": %s}' \
        "$dyec_deleted" "$(dyec_text "${DYEC_EXPORT_DESTINATION:-}")" "${dyec_export_code:-null}" \
        "$(dyec_text_or_null "$dyec_export_message")" "$(dyec_text "$run_dir/export/fsx_export.yaml")" \
        "$(dyec_text "$dyec_export_status")" "$(dyec_text "$DYEC_EXPORT_TRIGGER")"
}

dyec_status() {
    # Phase, exit code or nothing.  Keys are sorted.
    local completed="" stopped_by="" stopped_at=""
    [ -z "$2" ] || completed=$(dyec_now)
    { IFS=$'\t' read -r stopped_at stopped_by < "$run_dir/stopped"; } 2> /dev/null
    {
        printf '{\n'
        printf '  "analysis_dir": %s,\n' "$(dyec_text "$DYEC_ANALYSIS_DIR")"
        printf '  "analysis_id": %s,\n' "$(dyec_text "$DYEC_ANALYSIS_ID")"
        printf '  "attempt": %s,\n' "$DYEC_ATTEMPT"
        printf '  "boot_id": %s,\n' "$(dyec_text "$dyec_boot_id")"
        printf '  "command": %s,\n' "$(dyec_text "$DYEC_COMMAND")"
        printf '  "commit": %s,\n' "$(dyec_text "$DYEC_COMMIT")"
        printf '  "completed_at": %s,\n' "$(dyec_text_or_null "$completed")"
        printf '  "controller_pid": %s,\n' "${dyec_pid:-null}"
        printf '  "controller_start": %s,\n' "${dyec_pid_start:-null}"
        printf '  "executing_entity": %s,\n' "$(dyec_text "$DYEC_ENTITY")"
        printf '  "exit_code": %s,\n' "${2:-null}"
        printf '  "export": %s,\n' "$(dyec_export_record)"
        printf '  "git_ref": %s,\n' "$(dyec_text "$DYEC_GIT_REF")"
        printf '  "message": %s,\n' "$(dyec_text_or_null "$dyec_message")"
        printf '  "phase": %s,\n' "$(dyec_text "$1")"
        printf '  "repo_path": %s,\n' "$(dyec_text "$DYEC_REPO_PATH")"
        printf '  "repository": %s,\n' "$(dyec_text "$DYEC_REPOSITORY")"
        printf '  "resumed_at": %s,\n' "$(dyec_text_or_null "${DYEC_RESUMED_AT:-}")"
        printf '  "resumed_by": %s,\n' "$(dyec_text_or_null "${DYEC_RESUMED_BY:-}")"
        printf '  "schema_version": 1,\n'
        printf '  "session_name": %s,\n' "$(dyec_text "$DYEC_SESSION")"
        printf '  "started_at": %s,\n' "$(dyec_text "$DYEC_STARTED_AT")"
        printf '  "started_by": %s,\n' "$(dyec_text_or_null "${DYEC_STARTED_BY:-}")"
        printf '  "stopped_at": %s,\n' "$(dyec_text_or_null "$stopped_at")"
        printf '  "stopped_by": %s,\n' "$(dyec_text_or_null "$stopped_by")"
        printf '  "workflow_exit_code": %s\n' "${dyec_workflow_code:-null}"
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
    trap - EXIT
    trap '' HUP INT TERM
    if [ "$code" = 0 ] && [ "$dyec_current" != finished ]; then
        # Only the end of this script is a success.
        code=1
        dyec_message="The shell was ended while $dyec_current, with exit code 0."
        [ "$dyec_current" != activating ] || dyec_message="dyoainit or day_activate ended the shell, with exit code 0."
    fi
    # The log is complete before the status says so.
    printf '[%s] %s, exit code %s\n' "$(dyec_now)" "$dyec_current" "$code"
    dyec_status "$dyec_current" "$code"
}

# shellcheck disable=SC2317  # called by traps
dyec_stop() {
    # A signal ends all of the command, then the controller.
    trap '' HUP INT TERM
    set +m
    dyec_current=stopped
    if [ -n "$dyec_child" ]; then
        # The signal may have come before the command was noted.
        grep -qs " $dyec_child " "$run_dir/command" || dyec_identity "$dyec_child" > "$run_dir/command"
        dyec_end_group "$run_dir" "$DYEC_GRACE_S"
    fi
    exit "$1"
}

dyec_run() {
    # A command line in a process group of its own, so that a signal can end all of it; its exit code.
    # Its group is noted before it begins: whoever outlives this controller can be found.
    local code
    set -m
    (dyec_identity "$BASHPID" > "$run_dir/command" && eval "$1") < /dev/null &
    dyec_child=$!
    wait "$dyec_child"
    code=$?
    set +m
    dyec_child=""
    return "$code"
}

dyec_await_jobs() {
    # What an earlier attempt left in the queue goes on and ends there; with DYEC_CANCEL_JOBS=1 it is cancelled first.
    local queue jobs before=""
    while :; do
        if ! queue=$(dyec_queue); then
            jobs="unknown: Slurm does not answer"
        else
            jobs=$(dyec_jobs_of "$run_dir" <<< "$queue" | paste -sd ',' -)
            [ -n "$jobs" ] || return 0
            if [ "${DYEC_CANCEL_JOBS:-0}" = 1 ]; then
                DYEC_CANCEL_JOBS=0
                # shellcheck disable=SC2046  # one word per job
                scancel $(dyec_jobs_of "$run_dir" <<< "$queue" | cut -d ' ' -f 1)
            fi
        fi
        [ "$jobs" = "$before" ] || printf 'Waiting for jobs of the earlier attempt: %s\n' "$jobs"
        before="$jobs"
        sleep 2
    done
}

dyec_version() {
    # The clone's version: its newest tag that is one, with the distance when commits follow it; nothing without one.
    git -C "$DYEC_REPO_PATH" describe --tags --match '[0-9]*.*' --match 'v[0-9]*.*' 2> /dev/null
}

dyec_warn_of_version() {
    # Versions before the catalog's pin were launched with changes to the workflow's own files, which nobody makes here.
    local version pin="${DYEC_PIN:-}"
    case "${pin#v}" in [0-9]*.*) ;; *) return 0 ;; esac
    [ -n "${DYEC_REPAIRED_TARGETS:-}" ] || return 0
    version=$(dyec_version)
    if [ -z "$version" ]; then
        printf 'Warning: no tag says which version this is; before %s these targets may fail: %s\n' "$pin" "$DYEC_REPAIRED_TARGETS"
    elif [ "${version#v}" != "${pin#v}" ] &&
        [ "$(printf '%s\n' "${version#v}" "${pin#v}" | LC_ALL=C sort -V | head -n 1)" = "${version#v}" ]; then
        printf 'Warning: version %s is older than %s, the pin of the catalog; these targets may fail: %s\n' \
            "$version" "$pin" "$DYEC_REPAIRED_TARGETS"
    fi
}

dyec_prepare_bclconvert() {
    # Sets dyec_message when it fails.
    local code
    {
        dyec_message=$(
            export DYEC_ACTIVATE DYEC_REPO_PATH DYEC_PIN DYEC_BCL_SETTINGS DAY_PROFILE_DIR="${DAY_PROFILE_DIR:-}"
            DYEC_DESCRIBED=$(dyec_version) || DYEC_DESCRIBED="$DYEC_GIT_REF"
            export DYEC_DESCRIBED
            # Of this node's dyec alone: the clone and what the workflow activated have modules of their own.
            "$HOME/DAY-EC/bin/python" -I -m daylily_ec.headnode.bclconvert 2>&1 >&3
        )
        code=$?
    } 3>&1
    case "$code" in
        0) dyec_message=""; return ;;
        13 | 14 | 15) ;;
        *)
            code=16
            dyec_message="The dyec of this node cannot prepare BCL Convert (${dyec_message##*$'\n'}); run: dyec headnode configure" ;;
    esac
    dyec_message=$(printf %s "$dyec_message" | tr '[:cntrl:]' ' ')
    printf 'Preparing: %s\n' "$dyec_message"
    return "$code"
}

dyec_remove_links() {
    # Links into run mounts must not be exported; anything else there is not ours.
    local entry
    [ -d "$DYEC_REPO_PATH/config/run_dir_links" ] || return 0
    for entry in "$DYEC_REPO_PATH"/config/run_dir_links/* "$DYEC_REPO_PATH"/config/run_dir_links/.[!.]*; do
        if [ -L "$entry" ]; then
            rm -f -- "$entry"
        elif [ -e "$entry" ]; then
            dyec_export_message="$entry is not a symbolic link."
            return 22
        fi
    done
}

dyec_export_due() {
    # Whether the trigger asks for an export after the exit code $1.
    case "$DYEC_EXPORT_TRIGGER" in
        none) return 1 ;;
        all) return 0 ;;
        on-success) [ "$1" = 0 ] ;;
        on-fail) [ "$1" != 0 ] ;;
        *) return 0 ;;
    esac
}

dyec_export_command() {
    # Instance credentials, not a profile of the user; and nothing of the Python that the workflow activated.
    printf 'cd && exec env -u AWS_PROFILE -u AWS_DEFAULT_PROFILE -u PYTHONPATH -u PYTHONHOME %q export --cluster %q --region %q' \
        "$dyec_program" "$DYEC_CLUSTER" "$DYEC_REGION"
    printf ' --source-path %q --destination-s3-uri %q --output-dir %q' \
        "$DYEC_ANALYSIS_DIR" "$DYEC_EXPORT_DESTINATION" "$run_dir/export"
}

dyec_export() {
    # Sets dyec_export_code and a message when it is not 0.
    dyec_export_message=""
    case "$DYEC_EXPORT_TRIGGER" in
        on-success | on-fail | all) ;;
        *) dyec_export_message="$DYEC_EXPORT_TRIGGER is no export trigger."; return 20 ;;
    esac
    if [ -z "$dyec_program" ]; then
        dyec_export_message="There is no dyec on PATH of $(id -un) on $(hostname); install it with: dyec headnode configure"
        return 127
    fi
    dyec_remove_links || return
    mkdir -p "$run_dir/export" || return
    printf '+ %s\n' "$(dyec_export_command)"
    dyec_run "$(dyec_export_command)" || {
        local code=$?
        dyec_export_message="dyec export ended with exit code $code; its words are in the log."
        return "$code"
    }
}

dyec_delete_exported() {
    # Deletes what the manifest of a verified export of this very directory names and what is still as it was then.
    # Exit code 1: no proof, nothing deleted.  2: some of it was kept, said on stdout.
    python3 - "$run_dir/export" "$DYEC_ANALYSIS_DIR" <<'PYTHON'
import gzip, hashlib, json, os, stat, sys
folder, root = sys.argv[1], sys.argv[2].rstrip("/")
with open(f"{folder}/fsx_export.yaml", encoding="utf-8") as file:
    receipt = json.load(file)["fsx_export"]
good = receipt["status"] == "success" and receipt["task_lifecycle"] == "SUCCEEDED" and receipt["detached"] is True
proved = receipt["verification"]["mismatches"] == 0 and receipt["verification"]["mode"] in ("checksum", "full")
here = receipt["headnode_path"].rstrip("/") == root
with open(f"{folder}/manifest.jsonl.gz", "rb") as file:
    manifest = gzip.decompress(file.read())
same = hashlib.sha256(manifest).hexdigest() == receipt["inventory"]["manifest_sha256"]
lines = [json.loads(line) for line in manifest.splitlines()]
if not (good and proved and here and same and lines[0]["directory"] == root):
    sys.exit(1)

def is_exported(path, item):
    found = os.lstat(path)
    if item["type"] == "l":
        return stat.S_ISLNK(found.st_mode) and os.readlink(path) == item["target"].replace("\\\\", "\\")
    unchanged = (found.st_size, found.st_mtime_ns) == (item["size"], item["mtime_ns"])
    return stat.S_ISREG(found.st_mode) and unchanged

folders = [root]
for item in lines[1:]:
    path = f"{root}/" + item["path"].replace("\\\\", "\\")
    if item["type"] == "d":
        folders.append(path)
    elif os.path.lexists(path) and os.path.realpath(os.path.dirname(path)) == os.path.dirname(path):
        if is_exported(path, item):
            os.unlink(path)
for path in sorted(folders, key=len, reverse=True):
    try:
        os.rmdir(path)
    except OSError:
        pass
if os.path.lexists(root):
    left = sum(len(files) for _, _, files in os.walk(root))
    print(f"{left} files in {root} are not those that were exported; they were kept.")
    sys.exit(2)
PYTHON
}

dyec_delete() {
    # The only copy on the cluster goes only after a proof that it is in S3, and nothing but what was proved.
    local kept
    if [ -L "$DYEC_ANALYSIS_DIR" ] || [ "$(realpath "$DYEC_ANALYSIS_DIR")" != "$DYEC_ANALYSIS_DIR" ]; then
        dyec_export_message="$DYEC_ANALYSIS_DIR is not a plain directory; nothing was deleted."
        return 23
    fi
    cd || return
    kept=$(dyec_delete_exported) && dyec_deleted=true && return
    case $? in
        2) dyec_export_message="$kept" ;;
        *) dyec_export_message="The receipt does not prove the export; nothing was deleted." ;;
    esac
    return 23
}

dyec_boot_id=$(dyec_boot)
dyec_child="" dyec_current=starting dyec_pid="" dyec_pid_start=""
dyec_workflow_code="${DYEC_WORKFLOW_CODE:-}" dyec_export_code="" dyec_export_message="" dyec_deleted=false
dyec_export_status=pending dyec_message=""
case "${1:-}" in
    prepare)
        dyec_status starting ""
        exit ;;
    stopped)
        # A record counts only with the controller that it names; one that never started is this process now.
        [ -s "$run_dir/controller" ] || dyec_identity $$ > "$run_dir/controller"
        { read -r dyec_boot_id dyec_pid dyec_pid_start < "$run_dir/controller"; } 2> /dev/null
        dyec_status stopped "$2"
        exit ;;
esac

dyec_pid=$$
dyec_pid_start=$(dyec_started $$)
dyec_program=$(command -v dyec)
# The controller's options and traps, to be had back after an activation.  A function could not take back a trap for ERR.
dyec_shell="$(set +o)
trap - DEBUG ERR RETURN
trap dyec_finish EXIT
trap 'dyec_stop 129' HUP
trap 'dyec_stop 130' INT
trap 'dyec_stop 143' TERM"
eval "$dyec_shell"
if [ -t 1 ]; then
    # The log file is complete whatever happens to the terminal; who attaches sees it live.
    tail -n +1 -f --pid=$$ "$run_dir/tmux.log" &
fi
exec >> "$run_dir/tmux.log" 2>&1 < /dev/null
printf '%s %s %s\n' "$dyec_boot_id" "$dyec_pid" "$dyec_pid_start" > "$run_dir/.controller.new"
dyec_phase starting
mv -f "$run_dir/.controller.new" "$run_dir/controller"

# A workflow that succeeded is not run again when only its export is left.
if [ "$dyec_workflow_code" != 0 ]; then
    dyec_workflow_code=""
    if [ "$DYEC_ATTEMPT" != 1 ]; then
        dyec_phase waiting
        dyec_await_jobs
    fi
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
        # Not in a function, where what they declare would be local to it.
        # shellcheck source=/dev/null
        . ./dyoainit "${dyec_options[@]}" || exit
        eval "$dyec_shell"
        # shellcheck source=/dev/null
        . ./bin/day_activate slurm "$DYEC_GENOME" remote || exit
        eval "$dyec_shell"
    fi
    dyec_warn_of_version
    if [ "${DYEC_BCLCONVERT:-0}" = 1 ]; then
        dyec_phase preparing
        dyec_prepare_bclconvert || exit
    fi
    # An engine that ended by itself has left no lock; where it keeps them elsewhere, it has to be asked.
    if [ -n "${DYEC_UNLOCK_COMMAND:-}" ] && { [ ! -d .snakemake/locks ] || [ -n "$(ls -A .snakemake/locks)" ]; }; then
        printf '+ %s\n' "$DYEC_UNLOCK_COMMAND"
        dyec_run "$DYEC_UNLOCK_COMMAND" || printf 'Unlocking ended with exit code %s.\n' "$?"
    fi
    dyec_phase running
    printf '+ %s\n' "${DYEC_RESUME_COMMAND:-$DYEC_COMMAND}"
    dyec_run "${DYEC_RESUME_COMMAND:-$DYEC_COMMAND}"
    dyec_workflow_code=$?
fi

dyec_code="$dyec_workflow_code"
if dyec_export_due "$dyec_workflow_code"; then
    dyec_export_status=running
    dyec_phase exporting
    dyec_export
    dyec_export_code=$?
    if [ "$dyec_export_code" = 0 ] && [ "${DYEC_DELETE_ON_EXPORT:-0}" = 1 ]; then
        dyec_delete
        dyec_export_code=$?
    fi
    dyec_export_status=success
    if [ "$dyec_export_code" != 0 ]; then
        dyec_export_status=error dyec_code="$dyec_export_code"
        printf 'Export: %s\n' "$dyec_export_message"
    fi
elif [ "$DYEC_EXPORT_TRIGGER" != none ]; then
    dyec_export_status=not-due
fi
dyec_current=finished
exit "$dyec_code"
