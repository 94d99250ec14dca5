#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs one script and prints a header and both outputs, packed; read from standard input by a login shell of the cluster user.
# Set before it: DYEC_USER (who must run it), DYEC_TOKEN (hexadecimal, one per call), DYEC_INLINE (characters of packed output
# that fit into the answer), and the gzipped script: DYEC_SCRIPT holds its base64, or DYEC_OBJECT names an S3 object in
# DYEC_REGION whose SHA-256 must be DYEC_SHA256.

dyec_stream() {
    # <bytes> <sha256>, and the packed bytes beside the stream for answers that are too long.
    gzip -nc "$1" > "$1.gz"
    printf '%s %s' "$(wc -c < "$1" | tr -d ' ')" "$(sha256sum < "$1" | cut -d ' ' -f 1)"
}

dyec_emit() {
    local spool="$1" out err
    out=$(dyec_stream "$spool/stdout")
    err=$(dyec_stream "$spool/stderr")
    printf 'DYEC1 %s %s %s\n' "$(cat "$spool/exit")" "$out" "$err"
    local room="$DYEC_INLINE" stream text
    for stream in stdout stderr; do
        text=$(base64 -w 0 < "$spool/$stream.gz")
        if [ "${#text}" -le "$room" ]; then
            printf '=%s\n' "$text"
            room=$((room - ${#text}))
        else
            printf '>%s\n' "$(wc -c < "$spool/$stream.gz" | tr -d ' ')"
        fi
    done
}

dyec_sweep() {
    # Calls that ended more than an hour ago have been read; one that began three days ago was killed.
    local done_file
    find "${TMPDIR:-/tmp}" -maxdepth 2 -path '*/dyec.*/exit' -user "$DYEC_USER" -mmin +60 2> /dev/null | while IFS= read -r done_file; do
        rm -rf "${done_file%/exit}"
    done
    find "${TMPDIR:-/tmp}" -maxdepth 2 -path '*/dyec.*/script' -user "$DYEC_USER" -mmin +4320 2> /dev/null | while IFS= read -r done_file; do
        rm -rf "${done_file%/script}"
    done
}

dyec_fetch() {
    # The packed script into $1: out of the call itself, or the object, when it is the one that was meant.
    local sum
    if [ -z "${DYEC_OBJECT:-}" ]; then
        printf %s "$DYEC_SCRIPT" | base64 -d > "$1"
        return
    fi
    timeout 600 aws s3 cp --only-show-errors --region "$DYEC_REGION" "$DYEC_OBJECT" "$1" >&2 || return 1
    sum=$(sha256sum < "$1" | cut -d ' ' -f 1)
    if [ "$sum" != "$DYEC_SHA256" ]; then
        printf '%s has SHA-256 %s, not %s; nothing was run.\n' "$DYEC_OBJECT" "$sum" "$DYEC_SHA256" >&2
        return 1
    fi
}

dyec_main() {
    local spool="${TMPDIR:-/tmp}/dyec.$DYEC_TOKEN" code mask why
    if [ "$(id -un)" != "$DYEC_USER" ]; then
        printf 'This must run as %s, not as %s.\n' "$DYEC_USER" "$(id -un)" >&2
        return 64
    fi
    case "$DYEC_TOKEN" in '' | *[!0-9a-f]*) return 64 ;; esac
    mask=$(umask)
    umask 077
    if why=$(mkdir "$spool" 2>&1); then
        dyec_sweep
        if ! { dyec_fetch "$spool/script.gz" && gzip -dc < "$spool/script.gz" > "$spool/script"; }; then
            rm -rf "$spool"
            return 70
        fi
        rm -f "$spool/script.gz"
        unset DYEC_SCRIPT DYEC_OBJECT DYEC_SHA256 DYEC_REGION
        (umask "$mask" && exec bash "$spool/script" < /dev/null > "$spool/stdout" 2> "$spool/stderr")
        code=$?
        printf '%s\n' "$code" > "$spool/exit.new" && mv "$spool/exit.new" "$spool/exit"
    elif [ ! -d "$spool" ]; then
        printf '%s\nNothing was run.\n' "$why" >&2
        return 71
    else
        # The same call was delivered twice (a retried request): wait for the first, answer the same.
        while [ ! -e "$spool/exit" ]; do sleep 0.2; done
    fi
    dyec_emit "$spool"
    return "$(cat "$spool/exit")"
}

dyec_main
exit $?
