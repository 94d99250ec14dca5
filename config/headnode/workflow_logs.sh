#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints a piece of a session's log: a header `<inode> <from> <to> <more> <rotated> <ended> <head>`, then the bytes in base64.
# DYEC_INODE, DYEC_OFFSET, DYEC_HEAD: the file, the place in it and the hash of its first bytes as an earlier header had
# them; without them the piece begins with the last DYEC_LINES lines.  At most DYEC_BYTES bytes.  `more` is 1 when there is
# more to read at once, `rotated` when the earlier file is not there any more, `ended` is the exit code or -.
set -u
run_dir=""
dyec_run_dir
log="$run_dir/tmux.log"
if [ ! -r "$log" ]; then
    printf 'There is no log %s on %s.\n' "$log" "$(hostname)" >&2
    exit 2
fi

inode_of() { stat -c %i "$1"; }
size_of() { stat -c %s "$1"; }

head_of() {
    # Bytes that the hash covers, and the hash: of the first $2 bytes of $1, at most 256.
    local bytes=$(($2 < 256 ? $2 : 256))
    printf '%s:%s' "$bytes" "$(head -c "$bytes" "$1" | sha256sum | cut -c 1-32)"
}

same_file() { [ "$(size_of "$1")" -ge "$DYEC_OFFSET" ] && [ "$(head_of "$1" "$DYEC_OFFSET")" = "$DYEC_HEAD" ]; }

# What says that the log is complete is read before the log.
ended=$(sed -n 's/^  "exit_code": \([0-9]*\),$/\1/p' "$run_dir/status.json" 2> /dev/null)
file="$log" rotated=0
if [ -n "$DYEC_INODE" ]; then
    from="$DYEC_OFFSET"
    if [ "$(inode_of "$log")" != "$DYEC_INODE" ]; then
        # The log was moved aside: the rest of the old file comes first.
        file=""
        for other in "$run_dir"/*; do
            if [ -f "$other" ] && [ "$(inode_of "$other")" = "$DYEC_INODE" ]; then file="$other"; fi
        done
    fi
    if [ -z "$file" ] || ! same_file "$file"; then
        file="$log" from=0 rotated=1
    elif [ "$file" != "$log" ] && [ "$(size_of "$file")" -le "$from" ]; then
        file="$log" from=0
    fi
else
    # The log may grow while it is read.
    size=$(size_of "$log")
    from=$((size - $(head -c "$size" "$log" | tail -n "$DYEC_LINES" | wc -c)))
fi
size=$(size_of "$file")
to=$((size - from > DYEC_BYTES ? from + DYEC_BYTES : size))
more=0
if [ "$to" -lt "$size" ] || [ "$file" != "$log" ]; then more=1; fi
printf '%s %s %s %s %s %s %s\n' "$(inode_of "$file")" "$from" "$to" "$more" "$rotated" "${ended:--}" "$(head_of "$file" "$to")"
tail -c "+$((from + 1))" "$file" | head -c "$((to - from))" | base64 -w 0
