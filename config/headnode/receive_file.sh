#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Puts a file at DYEC_PATH with mode DYEC_MODE: whole or not at all, and over an existing one only when DYEC_FORCE is 1.
# Its bytes come from DYEC_CONTENT (base64), the S3 object DYEC_OBJECT in DYEC_REGION, or the local file DYEC_SOURCE; they must
# have DYEC_SIZE bytes and the SHA-256 DYEC_SHA256.
# Prints "<CREATED|UPDATED|UNCHANGED> <path>"; a refusal is exit code 8, its token on stdout and the reason on stderr.
set -u -o pipefail

refuse() {
    printf '%s\n' "$1"
    printf '%s\n' "$2" >&2
    exit 8
}

sum() { sha256sum < "$1" | cut -d ' ' -f 1; }

fill() {
    if [ -n "${DYEC_OBJECT:-}" ]; then
        timeout 3600 aws s3 cp --only-show-errors --region "$DYEC_REGION" "$DYEC_OBJECT" "$1" >&2
    elif [ -n "${DYEC_SOURCE:-}" ]; then
        cat -- "$DYEC_SOURCE" > "$1"
    else
        printf %s "$DYEC_CONTENT" | base64 -d > "$1"
    fi
}

path="$DYEC_PATH"
case "$path" in
    \~/*) path="$HOME/${path#\~/}" ;;
    /*) ;;
    *) refuse bad_path "$path is neither absolute nor below ~/." ;;
esac
[ ! -d "$path" ] || refuse target_is_directory "$path is a directory."
outcome=CREATED
if [ -e "$path" ] || [ -L "$path" ]; then
    if [ -f "$path" ] && [ ! -L "$path" ] && [ "$(sum "$path")" = "$DYEC_SHA256" ] && [ "$(stat -c %a -- "$path")" = "$DYEC_MODE" ]; then
        printf 'UNCHANGED %s\n' "$path"
        exit 0
    fi
    [ "${DYEC_FORCE:-}" = 1 ] || refuse target_exists "$path exists and is another file."
    outcome=UPDATED
fi
folder=$(dirname -- "$path")
if ! { mkdir -p -- "$folder" && part=$(mktemp -- "$folder/.dyec.XXXXXXXX"); }; then
    refuse not_writable "$folder cannot be written."
fi
trap 'rm -f -- "$part"' EXIT
fill "$part" || refuse not_received "The content did not arrive."
if [ "$(stat -c %s -- "$part")" != "$DYEC_SIZE" ] || [ "$(sum "$part")" != "$DYEC_SHA256" ]; then
    refuse damaged "What arrived is not what was sent: $(stat -c %s -- "$part") bytes with SHA-256 $(sum "$part")."
fi
if ! { chmod -- "$DYEC_MODE" "$part" && sync -- "$part"; }; then
    refuse not_writable "$part cannot be completed."
fi
if [ "$DYEC_FORCE" = 1 ]; then
    mv -fT -- "$part" "$path" || refuse not_writable "$path cannot be written."
else
    ln -T -- "$part" "$path" || refuse target_exists "$path appeared meanwhile, or cannot be written."
fi
printf '%s %s\n' "$outcome" "$path"
