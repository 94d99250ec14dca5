#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints what the directory DYEC_DIRECTORY shows: "files <count>", "directories <count>", "sha256 <digest>" over the paths of
# all that is no directory, sorted by their bytes, each ended by a NUL; "unreadable <path> <reason>" (both base64) for each
# file of DYEC_READ (lines of base64) whose first byte does not come; then "done".  With DYEC_NAMES=1 the base64 of the packed
# paths follows after "--".  Exit code 66 when there is no such directory, or it may not be entered.
set -u -o pipefail
umask 077
if [ ! -d "$DYEC_DIRECTORY" ] || ! cd -- "$DYEC_DIRECTORY" || [ ! -r . ]; then
    printf '%s is no directory that %s may enter on %s\n' "$DYEC_DIRECTORY" "$(id -un)" "$(hostname)" >&2
    exit 66
fi
names=$(mktemp) || exit 1
trap 'rm -f "$names"' EXIT
timeout "$DYEC_WAIT" find . -mindepth 1 ! -type d -printf '%P\0' | LC_ALL=C sort -z > "$names" || exit 1
printf 'files %s\n' "$(tr -cd '\0' < "$names" | wc -c)"
printf 'directories %s\n' "$(timeout "$DYEC_WAIT" find . -mindepth 1 -type d -printf x | wc -c)"
printf 'sha256 %s\n' "$(sha256sum < "$names" | cut -d ' ' -f 1)"
while IFS= read -r packed; do
    [ -n "$packed" ] || continue
    path=$(printf %s "$packed" | base64 -d && printf .)
    if ! why=$(timeout 120 head -c 1 -- "./${path%.}" 2>&1 > /dev/null); then
        printf 'unreadable %s %s\n' "$packed" "$(printf %s "${why:-no byte in 120 s}" | base64 -w 0)"
    fi
done <<< "$DYEC_READ"
echo 'done'
[ "$DYEC_NAMES" != 1 ] || { printf -- '--\n' && gzip -nc "$names" | base64 -w 0; }
