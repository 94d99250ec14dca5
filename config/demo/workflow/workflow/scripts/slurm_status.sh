#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slurm_status.sh JOBID: print running, success or failed; exit 1 when slurmctld does not answer.
set -u

answer=""
for _ in 1 2 3; do
    # A client without a controller retries for a minute by itself; three short tries tell the same sooner.
    if answer=$(timeout 5 scontrol --oneliner show job "$1" 2>&1); then
        break
    fi
    case "$answer" in
        *"Invalid job id"*) echo failed; exit 0 ;;
    esac
    answer=""
    sleep 1
done
if [ -z "$answer" ]; then
    echo "slurm_status: slurmctld does not answer for job $1" >&2
    exit 1
fi

state=${answer#*JobState=}
case "${state%% *}" in
    COMPLETED) echo success ;;
    PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | REQUEUED | RESIZING | STAGE_OUT | SIGNALING) echo running ;;
    *) echo failed ;;
esac
