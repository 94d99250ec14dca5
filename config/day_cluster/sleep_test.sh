#!/usr/bin/env bash
# A job that only sleeps: shows that a queue starts nodes.  sbatch -p i8 sleep_test.sh [SECONDS]
#SBATCH --job-name=sleep_test
#SBATCH --ntasks=1
#SBATCH --output=sleep_test_%j.log
set -euo pipefail

seconds="${1:-10}"
case "${seconds}" in
    '' | *[!0-9]*) echo "SECONDS must be a whole number, not '${seconds}'" >&2; exit 64 ;;
esac
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) job ${SLURM_JOB_ID:-none} on $(hostname): sleeping ${seconds} s"
sleep "${seconds}"
echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) awake"
