#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints what lies below DYEC_DIRECTORY: base64 of gzip of records, each "<type> <bytes> <mtime> <path>" and
# the target of a link (else nothing), both NUL-ended, names byte for byte.
# Types are find's: f file, d directory, l symbolic link (its bytes are the length of the target), anything else is odd.
set -euo pipefail
if [ ! -d "$DYEC_DIRECTORY" ] || [ "$(readlink -f -- "$DYEC_DIRECTORY")" != "$DYEC_DIRECTORY" ]; then
    echo "$DYEC_DIRECTORY is not a directory on $(hostname)" >&2
    exit 66
fi
cd -- "$DYEC_DIRECTORY"
find . -mindepth 1 -printf '%y %s %T@ %P\0%l\0' | gzip -nc | base64 -w 0
