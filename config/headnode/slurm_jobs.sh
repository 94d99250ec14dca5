#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints every job of the queue as Slurm's own JSON.  A controller that does not answer is a failure, never an empty queue.
set -euo pipefail
if ! command -v squeue > /dev/null; then
    echo "squeue is not on PATH of $(id -un) on $(hostname)" >&2
    exit 127
fi
exec timeout 30 squeue --json
