#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Names, one a line, the directories of DYEC_STAGE_BASE that hold both tables of a workflow.  Changes nothing.
set -u
shopt -s nullglob
for directory in "${DYEC_STAGE_BASE%/}"/*/; do
    samples=("$directory"*_samples.tsv)
    units=("$directory"*_units.tsv)
    [ "${#samples[@]}" -eq 0 ] || [ "${#units[@]}" -eq 0 ] || basename "$directory"
done
