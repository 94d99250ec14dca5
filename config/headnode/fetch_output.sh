#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints DYEC_LENGTH bytes from offset DYEC_OFFSET of the packed output DYEC_STREAM of the call DYEC_TOKEN;
# with DYEC_URL (a signed S3 URL) the whole of it goes there instead.
set -euo pipefail
case "$DYEC_STREAM" in stdout | stderr) ;; *) exit 64 ;; esac
case "$DYEC_TOKEN" in '' | *[!0-9a-f]*) exit 64 ;; esac
file="${TMPDIR:-/tmp}/dyec.$DYEC_TOKEN/$DYEC_STREAM.gz"
if [ -n "${DYEC_URL:-}" ]; then
    case "$DYEC_URL" in *[!A-Za-z0-9%:/?=\&._~+,@-]*) exit 64 ;; esac
    # The URL is a secret while it lasts, so it is no argument.
    printf 'url = "%s"\n' "$DYEC_URL" | env -u DYEC_URL curl --fail --silent --show-error --globoff --retry 3 --max-time 600 \
        --config - --output /dev/null --upload-file "$file"
    exit
fi
case "$DYEC_OFFSET$DYEC_LENGTH" in '' | *[!0-9]*) exit 64 ;; esac
tail -c "+$((DYEC_OFFSET + 1))" -- "$file" | { head -c "$DYEC_LENGTH"; cat > /dev/null; }
