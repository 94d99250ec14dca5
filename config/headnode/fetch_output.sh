#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints DYEC_LENGTH bytes from offset DYEC_OFFSET of the packed output DYEC_STREAM of the call DYEC_TOKEN.
set -euo pipefail
case "$DYEC_STREAM" in stdout | stderr) ;; *) exit 64 ;; esac
file="${TMPDIR:-/tmp}/dyec.$DYEC_TOKEN/$DYEC_STREAM.gz"
tail -c "+$((DYEC_OFFSET + 1))" -- "$file" | { head -c "$DYEC_LENGTH"; cat > /dev/null; }
