#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs one script and prints a header and both outputs, packed; read from standard input by a login shell of the cluster user.
# Set before it: DYEC_USER (who must run it), DYEC_TOKEN (hexadecimal, one per call), DYEC_SCRIPT (base64 of gzip),
# DYEC_INLINE (characters of packed output that fit into the answer).

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
    # Calls that ended more than an hour ago have been read.
    local done_file
    find "${TMPDIR:-/tmp}" -maxdepth 2 -path '*/dyec.*/exit' -user "$DYEC_USER" -mmin +60 2> /dev/null | while IFS= read -r done_file; do
        rm -rf "${done_file%/exit}"
    done
}

dyec_main() {
    local spool="${TMPDIR:-/tmp}/dyec.$DYEC_TOKEN" code mask
    if [ "$(id -un)" != "$DYEC_USER" ]; then
        printf 'This must run as %s, not as %s.\n' "$DYEC_USER" "$(id -un)" >&2
        return 64
    fi
    mask=$(umask)
    umask 077
    if mkdir "$spool" 2> /dev/null; then
        dyec_sweep
        printf %s "$DYEC_SCRIPT" | base64 -d | gzip -dc > "$spool/script" || return 70
        unset DYEC_SCRIPT
        (umask "$mask" && exec bash "$spool/script" < /dev/null > "$spool/stdout" 2> "$spool/stderr")
        code=$?
        printf '%s\n' "$code" > "$spool/exit.new" && mv "$spool/exit.new" "$spool/exit"
    else
        # The same call was delivered twice (a retried request): wait for the first, answer the same.
        while [ ! -e "$spool/exit" ]; do sleep 0.2; done
    fi
    dyec_emit "$spool"
    return "$(cat "$spool/exit")"
}

dyec_main
exit $?
