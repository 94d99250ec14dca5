#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints "<bytes> <mode> <sha256>" of the file DYEC_PATH and, after it: its base64 when it has at most DYEC_MOST bytes, else `large`.
# With DYEC_URL (a signed S3 URL) or DYEC_TARGET (a file here) the content goes there and the word is `sent`.
# A refusal is exit code 8, its token on stdout and the reason on stderr.
set -u -o pipefail

refuse() {
    printf '%s\n' "$1"
    printf '%s\n' "$2" >&2
    exit 8
}

path="$DYEC_PATH"
case "$path" in
    \~/*) path="$HOME/${path#\~/}" ;;
    /*) ;;
    *) refuse bad_path "$path is neither absolute nor below ~/." ;;
esac
[ -e "$path" ] || refuse no_such_file "There is no $path on $(hostname)."
[ -f "$path" ] || refuse not_a_file "$path is not a regular file."
[ -r "$path" ] || refuse not_readable "$path cannot be read by $(id -un)."
if ! { size=$(stat -L -c %s -- "$path") && mode=$(stat -L -c %a -- "$path") && sum=$(sha256sum < "$path"); }; then
    refuse not_readable "$path cannot be read."
fi
printf '%s %s %s\n' "$size" "$mode" "${sum%% *}"
if [ -n "${DYEC_URL:-}" ]; then
    case "$DYEC_URL" in *[!A-Za-z0-9%:/?=\&._~+,@-]*) refuse bad_url "The address holds what no address holds." ;; esac
    # The URL is a secret while it lasts, so it is no argument.
    printf 'url = "%s"\n' "$DYEC_URL" | env -u DYEC_URL curl --fail --silent --show-error --globoff --retry 3 --max-time 3600 \
        --config - --output /dev/null --upload-file "$path" || refuse not_sent "$path could not be sent."
    echo sent
elif [ -n "${DYEC_TARGET:-}" ]; then
    cat -- "$path" > "$DYEC_TARGET" || refuse not_sent "$path could not be copied."
    echo sent
elif [ "$size" -le "$DYEC_MOST" ]; then
    base64 -w 0 < "$path"
    echo
else
    echo large
fi
