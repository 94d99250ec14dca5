#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints what the shared file system DYEC_FSX holds, in bytes: "total <size> <used> <free> <files> <files used>", and for
# Lustre one line per target, "target <name> <size> <used> <free>"; the last line is "done".
set -u -o pipefail
mountpoint -q -- "$DYEC_FSX" || { echo "$DYEC_FSX is not mounted on $(hostname)" >&2; exit 66; }
type=$(stat -f -c %T -- "$DYEC_FSX") || exit 1
printf 'type %s\n' "$type"
timeout 60 df -B1 --output=size,used,avail,itotal,iused -- "$DYEC_FSX" | awk 'NR == 2 { print "total", $1, $2, $3, $4, $5 }' || exit 1
if [ "$type" = lustre ] && command -v lfs > /dev/null; then
    timeout 60 lfs df -- "$DYEC_FSX" | awk '$1 ~ /_UUID$/ { sub(/_UUID$/, "", $1); printf "target %s %.0f %.0f %.0f\n", $1, $2 * 1024, $3 * 1024, $4 * 1024 }' || exit 1
fi
echo 'done'
