#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the manifest of DYEC_DIRECTORY, or goes on waiting for one that is being made; safe to repeat.
# DYEC_RUN (hexadecimal) names the run: it is started unless it is known or another run of the same directory is alive, which
# is then adopted.  DYEC_PARTITION: run as a Slurm job there (empty: on this node).  DYEC_PREFIX_BYTES and
# DYEC_ALLOW_RUN_LINKS (1) are what the export asks.  Waits at most DYEC_WAIT seconds for the end.
# Prints run=, state= (running, done, blocked, failed, died), job=, progress= and result= lines, and after `--` the base64 of
# the packed manifest when it is done.  What was hashed is kept in ~/.cache/daylily/inventory, whatever happens to a run.
set -u -o pipefail
umask 077

stop() { printf '%s\n' "$2" >&2; exit "$1"; }

directory="$DYEC_DIRECTORY"
if [ ! -d "$directory" ] || [ "$(readlink -f -- "$directory")" != "$directory" ]; then
    stop 66 "$directory is not a directory on $(hostname)"
fi
python="$HOME/DAY-EC/bin/python"
key=$(printf %s "$directory" | sha256sum | cut -c 1-32)
place="${XDG_CACHE_HOME:-$HOME/.cache}/daylily/inventory/$key"
name="dyec-inventory-$key"
mkdir -p "$place" || exit 1

job_of() {
    # The Slurm job of this directory, with its state; a Slurm that does not answer is no empty queue.
    timeout 30 squeue --noheader --user "$(id -un)" --name "$name" --format '%A %T' || stop 69 "Slurm does not say whether $name runs."
}

look() {
    # Sets state, and job for a run on Slurm; $1 is the run.
    local where
    state=died job=''
    if [ -s "$place/$1/result.json" ]; then
        state=$(sed -n 's/.*"state": "\([a-z]*\)".*/\1/p' "$place/$1/result.json")
        return
    fi
    where=$(cat "$place/$1/where" 2> /dev/null)
    if [ "$where" = here ]; then
        flock -s -n "$place/lock" true || state=running
    elif [ -n "$where" ]; then
        job=$(job_of) || exit 69
        [ -z "$job" ] || state=running
    fi
    # It may have ended between the two looks.
    if [ "$state" = died ] && [ -s "$place/$1/result.json" ]; then look "$1"; fi
}

arguments() {
    set -- -m daylily_ec.fsx.manifest_node "$directory" "$place/$1" --prefix-bytes "$DYEC_PREFIX_BYTES"
    [ "$DYEC_ALLOW_RUN_LINKS" != 1 ] || set -- "$@" --allow-run-links
    printf '%q ' "$python" "$@"
}

start() {
    local run="$1" command
    "$python" -c 'import daylily_ec.fsx.manifest_node' 2> /dev/null || stop 67 "$python does not run what makes manifests."
    command=$(arguments "$run")
    find "$place" -mindepth 1 -maxdepth 1 -type d -mmin +2880 -exec rm -rf {} +
    mkdir "$place/$run" || exit 1
    printf '%s\n' "$run" > "$place/latest.new" && mv "$place/latest.new" "$place/latest" || exit 1
    if [ -z "$DYEC_PARTITION" ]; then
        # The program inherits descriptor 9, and holds its lock for as long as it lives.
        exec 9> "$place/lock"
        flock -w 10 9 || stop 1 "$place/lock is held."
        printf 'here\n' > "$place/$run/where"
        setsid bash -c "exec nice -n 5 $command" > "$place/$run/log" 2>&1 < /dev/null 8>&- &
        exec 9>&-
        return
    fi
    printf 'slurm\n' > "$place/$run/where"
    sbatch --parsable --job-name "$name" --partition "$DYEC_PARTITION" --nodes 1 --exclusive --requeue --chdir "$HOME" \
        --output "$place/$run/log" --open-mode append --wrap "exec $command" > "$place/$run/job" 2> "$place/$run/refusal" 8>&- ||
        stop 68 "Slurm did not take the job: $(cat "$place/$run/refusal")"
}

choose() {
    # Sets run; one caller at a time, so that no two of them start.
    local latest
    run="$DYEC_RUN"
    [ ! -d "$place/$run" ] || return
    exec 8> "$place/choose"
    flock -w 60 8 || stop 1 "$place/choose is held."
    latest=$(cat "$place/latest" 2> /dev/null)
    if [ -n "$latest" ]; then look "$latest"; fi
    if [ -n "$latest" ] && [ "$state" = running ]; then run="$latest"; else start "$run"; fi
    exec 8>&-
}

choose
until=$((SECONDS + DYEC_WAIT))
look "$run"
while [ "$state" = running ] && [ "$SECONDS" -lt "$until" ]; do
    if [ -n "$job" ]; then sleep 2; else sleep 0.1; fi
    look "$run"
done
printf 'run=%s\nstate=%s\njob=%s\n' "$run" "$state" "$job"
for part in progress result; do
    [ ! -s "$place/$run/$part.json" ] || printf '%s=%s\n' "$part" "$(cat "$place/$run/$part.json")"
done
case "$state" in
    done) printf -- '--\n' && base64 -w 0 < "$place/$run/manifest.jsonl.gz" || exit 1 ;;
    died | failed) [ ! -r "$place/$run/log" ] || tail -n 12 "$place/$run/log" >&2 ;;
esac
exit 0
