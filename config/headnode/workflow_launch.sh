#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks whether a workflow can be launched (DYEC_MODE=check) or launches it (DYEC_MODE=launch).
# Facts come back as marker lines on stdout, refusals as __DAYLILY_ERROR__=token with the reason on stderr and exit 8.
set -u -o pipefail

root="${DYEC_ANALYSIS_ROOT%/}"
entity_dir="$root/$DYEC_ENTITY"
analysis_dir="$entity_dir/$DYEC_ANALYSIS_ID"
repo_path="$analysis_dir/$DYEC_FOLDER"
runs="$HOME/daylily-runs"
run_dir="$runs/$DYEC_SESSION"
partial="$entity_dir/.partial.$DYEC_ANALYSIS_ID"
replaced="$entity_dir/.replaced.$DYEC_ANALYSIS_ID"
test_tables=".test_data/data/0.01xwgs_HG002_hg38"

check_tools() {
    local tool missing=""
    for tool in git tmux flock setsid; do command -v "$tool" > /dev/null || missing="$missing $tool"; done
    [ -z "$missing" ] || dyec_refuse missing_tools "Not on PATH of $(id -un) on $(hostname):$missing"
}

check_root() {
    [ -d "$root" ] || [ -w "$(dirname "$root")" ] || dyec_refuse missing_analysis_root "$root does not exist and cannot be made."
    [ ! -d "$root" ] || [ -w "$root" ] || dyec_refuse missing_analysis_root "$root is not writable for $(id -un)."
    [ ! -L "$entity_dir" ] || dyec_refuse unsafe_analysis_dir "$entity_dir is a symbolic link."
}

check_session() {
    local doing=""
    dyec_runs "$run_dir" || return 0
    [ ! -r "$run_dir/status.json" ] || doing=$(sed -n 's/^  "\(phase\|analysis_dir\|started_at\)": "\(.*\)",\{0,1\}$/\1 \2/p' "$run_dir/status.json" | paste -sd '|' - | sed 's/|/, /g')
    dyec_refuse session_exists "Session $DYEC_SESSION is busy${doing:+: $doing}."
}

check_analysis_dir() {
    local other queue jobs
    ! other=$(dyec_session_in "$analysis_dir" "") || dyec_refuse analysis_dir_busy "Session $other works in $analysis_dir."
    [ -e "$analysis_dir" ] || [ -L "$analysis_dir" ] || [ -d "$replaced" ] || return 0
    [ "$DYEC_REPLACE" = 1 ] || dyec_refuse analysis_dir_exists "$analysis_dir already exists."
    queue=$(dyec_queue) || dyec_refuse slurm_unknown "Slurm does not say whether jobs work in $analysis_dir; not replaced."
    jobs=$(dyec_jobs_in "$analysis_dir" <<< "$queue" | paste -sd ',' -)
    [ -z "$jobs" ] || dyec_refuse analysis_dir_busy "Jobs in the queue work in $analysis_dir: $jobs."
    # Only an interrupted launch has left nothing in its place; see restore.
    [ -e "$analysis_dir" ] || [ -L "$analysis_dir" ] || return 0
    if [ -L "$analysis_dir" ] || [ ! -d "$analysis_dir" ] ||
        [ "$(realpath "$analysis_dir")" != "$(realpath "$root")/$DYEC_ENTITY/$DYEC_ANALYSIS_ID" ]; then
        dyec_refuse unsafe_replace_existing_analysis_dir "$analysis_dir is not a plain directory of its own; not replaced."
    fi
}

check_all() {
    check_tools
    check_root
    check_session
    check_analysis_dir
    run_links check_run_dir
}

one_table() {
    # The one file of the stage whose name ends in $1; it may still be on its way from S3.
    local found deadline=$((SECONDS + DYEC_STAGE_WAIT_S))
    shopt -s nullglob
    while :; do
        found=("$DYEC_STAGE_DIR"/*"$1")
        [ "${#found[@]}" -eq 0 ] || break
        [ "$SECONDS" -lt "$deadline" ] || dyec_refuse missing_config "No *$1 in $DYEC_STAGE_DIR after $DYEC_STAGE_WAIT_S s."
        sleep 1
    done
    [ "${#found[@]}" -eq 1 ] || dyec_refuse ambiguous_stage "More than one *$1 in $DYEC_STAGE_DIR: ${found[*]##*/}"
    table="${found[0]}"
}

run_links() {
    # Calls $1 with what is known of each link: 1 when an association has to show the directory first, name, target.
    local mounted name target
    while IFS=$'\t' read -r mounted name target; do
        [ -z "$name" ] || "$1" "$mounted" "$name" "$target"
    done <<< "$DYEC_RUN_LINKS"
}

check_run_dir() {
    # A directory of an association that is still to be made can only be looked at later.
    [ "$1" = 1 ] || [ -d "$3" ] || dyec_refuse missing_run_dir "RUN_DIR $3 (run $2) is no directory on $(hostname)."
}

await_run_dir() {
    # What an association shows may still be on its way.
    local deadline=$((SECONDS + DYEC_STAGE_WAIT_S))
    until [ -d "$3" ]; do
        if [ "$1" = 0 ] || [ "$SECONDS" -ge "$deadline" ]; then
            dyec_refuse missing_run_dir "RUN_DIR $3 (run $2) is no directory on $(hostname)."
        fi
        sleep 1
    done
}

put_run_link() {
    local link="$clone/config/run_dir_links/$2"
    [ ! -L "$link" ] || [ "$(readlink "$link")" != "$3" ] || return 0
    if [ -e "$link" ] || [ -L "$link" ]; then
        dyec_refuse unsafe_run_dir_link "The clone has another config/run_dir_links/$2."
    fi
    ln -s -- "$3" "$link" || exit 1
}

put_runs() {
    [ ! -L "$clone/config/run_dir_links" ] || dyec_refuse unsafe_run_dir_link "config/run_dir_links is a symbolic link."
    mkdir -p "$clone/config/run_dir_links" || exit 1
    printf %s "$DYEC_RUNS_TSV" > "$clone/config/runs.tsv" || exit 1
    run_links put_run_link
    [ -z "$DYEC_SAMPLES_TSV" ] || printf %s "$DYEC_SAMPLES_TSV" > "$clone/config/samples.tsv" || exit 1
    [ "$DYEC_DROP_UNITS" = 0 ] || rm -f "$clone/config/units.tsv" || exit 1
    [ -z "$DYEC_METRICS_CSV" ] || printf %s "$DYEC_METRICS_CSV" > "$clone/config/ultima_run_qc_metrics.csv" || exit 1
    [ -z "$DYEC_SAMPLES_TABLE" ] || put_table "$DYEC_SAMPLES_TABLE" samples.tsv
    [ -z "$DYEC_UNITS_TABLE" ] || put_table "$DYEC_UNITS_TABLE" units.tsv
}

put_table() {
    # A path of the clone or an absolute one becomes config/$2.
    local from="$1"
    [ "${from#/}" != "$from" ] || from="$clone/$from"
    [ -f "$from" ] || dyec_refuse missing_config "The table $1 that the command names does not exist."
    [ "$from" -ef "$clone/config/$2" ] || cp -- "$from" "$clone/config/$2" || dyec_refuse missing_config "$1 cannot be copied."
}

put_inputs() {
    # Into the fresh clone $1.
    clone="$1"
    mkdir -p "$clone/config" || exit 1
    case "$DYEC_INPUT" in
        none) return 0 ;;
        tables)
            printf %s "$DYEC_SAMPLES_TSV" > "$clone/config/samples.tsv" || exit 1
            printf %s "$DYEC_UNITS_TSV" > "$clone/config/units.tsv" || exit 1 ;;
        stage)
            put_table "$samples_table" samples.tsv
            put_table "$units_table" units.tsv ;;
        runs) put_runs ;;
        test)
            [ "$DYEC_OPTIONAL" = 0 ] || [ -e "$clone/$test_tables.samples.tsv" ] || return 0
            put_table "$test_tables.samples.tsv" samples.tsv
            put_table "$test_tables.units.tsv" units.tsv ;;
        *) exit 64 ;;
    esac
}

clone_repository() {
    local try
    export GIT_TERMINAL_PROMPT=0
    for try in 1 2 3; do
        rm -rf "$1"
        if git clone --quiet --no-checkout -- "$DYEC_REPOSITORY_URL" "$1"; then return 0; fi
        [ "$try" = 3 ] || sleep $((try * DYEC_RETRY_S))
    done
    dyec_refuse clone_failed "$DYEC_REPOSITORY_URL could not be cloned in 3 tries."
}

check_out() {
    local name
    commit=""
    for name in "refs/tags/$DYEC_GIT_REF" "refs/remotes/origin/$DYEC_GIT_REF" "$DYEC_GIT_REF"; do
        commit=$(git -C "$1" rev-parse --verify --quiet "$name^{commit}") && break
    done
    [ -n "$commit" ] || dyec_refuse unknown_git_ref "$DYEC_REPOSITORY_URL has no tag, branch or commit $DYEC_GIT_REF."
    git -C "$1" -c advice.detachedHead=false checkout --quiet --detach "$commit" ||
        dyec_refuse clone_failed "$DYEC_GIT_REF of $DYEC_REPOSITORY_URL could not be checked out."
}

restore() {
    # What an interrupted launch of this directory has left: the old results come back unless a session has begun in the new ones.
    rm -rf -- "$partial"
    # One that is about to begin is for check_all.
    [ -d "$replaced" ] && ! dyec_session_in "$analysis_dir" "" > /dev/null || return 0
    [ ! -e "$analysis_dir" ] || [ -s "$analysis_dir/.launch_id" ] ||
        dyec_refuse replace_failed "$analysis_dir, whose launch is not known, and $replaced are both there; move one away."
    if begun; then discard "$replaced"; else undo; fi
    [ ! -d "$replaced" ] || dyec_refuse replace_failed "$replaced cannot be moved."
}

begun() {
    # Whether the launch that made the analysis directory began its session: nothing but that writes a first log line, and
    # no stop or resume takes it away.
    local other made_by
    made_by=$(cat "$analysis_dir/.launch_id" 2> /dev/null)
    [ -n "$made_by" ] || return 1
    for other in "$runs"/*/; do
        if [ "$(cat "$other/launch_id" 2> /dev/null)" = "$made_by" ] && [ -s "$other/tmux.log" ]; then return; fi
    done
    return 1
}

discard() {
    # Sets the directory $1 aside for sweep; from then on nothing brings it back.
    local doomed
    doomed=$(mktemp -d "$entity_dir/.removed.XXXXXXXX") && mv -T "$1" "$doomed"
}

sweep() {
    # Removes what was set aside, by this launch or an earlier one.  Nobody waits: a large tree takes longer than this call may.
    dyec_unlocked setsid rm -rf -- "$entity_dir"/.removed.* < /dev/null > /dev/null 2>&1 &
}

put_analysis_dir() {
    # The finished clone takes its place in one step; what it replaces goes only after that.
    local existed=0
    if [ -d "$analysis_dir" ]; then
        existed=1
        mv -T "$analysis_dir" "$replaced" || dyec_refuse replace_failed "$analysis_dir cannot be moved away."
    fi
    if ! mv -T "$partial" "$analysis_dir"; then
        [ "$existed" = 0 ] || mv -T "$replaced" "$analysis_dir"
        dyec_refuse analysis_dir_exists "$analysis_dir appeared meanwhile."
    fi
    [ "$existed" = 0 ] || dyec_mark REPLACED_ANALYSIS_DIR "$analysis_dir"
}

setting() { printf '%s=%q\n' "$1" "$2"; }

settings() {
    local name
    for name in SESSION ENTITY ANALYSIS_ID REPOSITORY GIT_REF COMMAND ACTIVATE PROJECT SKIP_PROJECT_CHECK GENOME \
        REGION CLUSTER EXPORT_TRIGGER EXPORT_DESTINATION DELETE_ON_EXPORT STARTED_BY PIN BCLCONVERT BCL_SETTINGS \
        REPAIRED_TARGETS; do
        name="DYEC_$name"
        setting "$name" "${!name}"
    done
    setting DYEC_ANALYSIS_DIR "$analysis_dir"
    setting DYEC_REPO_PATH "$repo_path"
    setting DYEC_COMMIT "$commit"
    setting DYEC_STARTED_AT "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

keep_old_run() {
    # The directory of an earlier run of this name is kept beside it, so nothing old can be taken for new.
    local number=1
    [ -e "$run_dir" ] || return 0
    while [ -e "$run_dir.$number" ]; do number=$((number + 1)); done
    mv -T "$run_dir" "$run_dir.$number"
}

put_run_dir() {
    keep_old_run &&
        mkdir "$run_dir" &&
        : > "$run_dir/tmux.log" &&
        printf '%s\n' "$analysis_dir" > "$run_dir/analysis_dir" &&
        printf '%s\n' "$DYEC_LAUNCH_ID" > "$run_dir/launch_id" &&
        settings > "$run_dir/launch.env" &&
        printf %s "$DYEC_SESSION_SCRIPT" > "$run_dir/launch.sh" &&
        chmod 0700 "$run_dir/launch.sh" &&
        "$run_dir/launch.sh" prepare
}

undo() {
    # Nothing has run in the new directory, so it goes, in one step; what it replaced comes back.
    [ ! -d "$analysis_dir" ] || discard "$analysis_dir"
    [ ! -d "$replaced" ] || mv -T "$replaced" "$analysis_dir"
    sweep
}

launch() {
    mkdir -p "$entity_dir" "$runs" || dyec_refuse missing_analysis_root "$entity_dir cannot be made."
    dyec_lock "$DYEC_SESSION" session_exists "Another launch of session $DYEC_SESSION is under way."
    dyec_lock_analysis "$analysis_dir"
    check_root
    restore
    check_all
    if [ "$DYEC_INPUT" = stage ]; then
        one_table _samples.tsv; samples_table="$table"
        one_table _units.tsv; units_table="$table"
    fi
    run_links await_run_dir
    trap 'rm -rf "$partial"' EXIT
    mkdir "$partial" || dyec_refuse missing_analysis_root "$partial cannot be made."
    clone_repository "$partial/$DYEC_FOLDER"
    check_out "$partial/$DYEC_FOLDER"
    put_inputs "$partial/$DYEC_FOLDER"
    printf '%s\n' "$DYEC_LAUNCH_ID" > "$partial/.launch_id" || dyec_refuse missing_analysis_root "$partial cannot be written."
    # The clone may have taken minutes.
    check_analysis_dir
    put_analysis_dir
    trap undo EXIT
    put_run_dir || dyec_refuse run_dir_failed "$run_dir cannot be written."
    dyec_start_session "$run_dir" "$repo_path"
    trap - EXIT
    [ ! -d "$replaced" ] || discard "$replaced"
    sweep
    dyec_mark SESSION "$DYEC_SESSION"
    dyec_mark TMUX_SESSION "$DYEC_SESSION"
    dyec_mark RUN_DIR "$run_dir"
    dyec_mark REPO_PATH "$repo_path"
    dyec_mark COMMIT "$commit"
    local ended
    ended=$(sed -n 's/^  "exit_code": \([0-9]*\),$/\1/p' "$run_dir/status.json")
    [ -z "$ended" ] || dyec_mark COMPLETED_QUICKLY "exit_code=$ended"
}

case "$DYEC_MODE" in
    check)
        check_all
        dyec_mark RUN_DIR "$run_dir"
        dyec_mark REPO_PATH "$repo_path" ;;
    launch) launch ;;
    *) exit 64 ;;
esac
