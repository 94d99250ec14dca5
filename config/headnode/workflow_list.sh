#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints facts about every run directory of this node, one line of base64 for each.
set -u
shopt -s nullglob
if queue=$(dyec_queue); then known=known; else known=unknown queue=""; fi
for run_dir in "$HOME"/daylily-runs/*/; do
    run_dir="${run_dir%/}"
    [ -e "$run_dir/launch.env" ] || [ -e "$run_dir/status.json" ] || continue
    dyec_facts "$run_dir" "$known" "$queue" | base64 -w 0
    echo
done
