#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints facts about the run directory of a session (DYEC_SESSION, or DYEC_RUN_DIR itself).
set -u
run_dir=""
dyec_run_dir
dyec_facts_now "$run_dir"
