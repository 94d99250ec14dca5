#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints what lies below /fsx/analysis_results: base64 of gzip of NUL-ended "<type> <bytes> <mtime> <ctime> <path>" records,
# names byte for byte, types as find gives them.  A file system that is not mounted (asked for by DYEC_MOUNTED=1), a directory
# that may not be read and a file that goes away meanwhile are failures, never an empty answer.
set -euo pipefail
if [ "$DYEC_MOUNTED" = 1 ] && ! mountpoint -q /fsx; then
    echo "/fsx is not mounted on $(hostname)" >&2
    exit 66
fi
list() {
    if [ -e /fsx/analysis_results ]; then
        cd /fsx/analysis_results
        find . -mindepth 1 -printf '%y %s %T@ %C@ %P\0'
    fi
}
list | gzip -nc | base64 -w 0
