#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints one line per readiness test, "<name> <ok|bad> <what was found>"; every test runs, and none changes anything.
# DYEC_FSX is the shared file system, DYEC_USER who runs workflows.
set -u
fsx="$DYEC_FSX"
assets="$fsx/references/runtime_assets"

check() {
    local name="$1" verdict=ok found
    shift
    found=$("$@" 2>&1) || verdict=bad
    found=${found//[[:cntrl:]]/ }
    printf '%s %s %s\n' "$name" "$verdict" "${found:0:1000}"
}

node() {
    local type
    type=$(sed -n 's/^cfn_node_type=//p' /etc/parallelcluster/cfnconfig 2> /dev/null | tr -d "\"'")
    echo "${type:-no /etc/parallelcluster/cfnconfig} on $(hostname)"
    [ "$type" = HeadNode ]
}
user() { id -un && [ "$(id -un)" = "$DYEC_USER" ]; }
home() { echo "$HOME" && [ -d "$HOME" ] && [ -w "$HOME" ]; }
either() {
    # <what holds> <what is wrong> <test...>
    local good="$1" wrong="$2"
    shift 2
    if "$@"; then echo "$good"; else echo "$wrong"; return 1; fi
}
mounted() { either "$fsx is mounted" "$fsx is not mounted" mountpoint -q -- "$fsx" && writable "$fsx"; }
writable() { either "$1 can be written" "$1 is no directory that can be written" test -d "$1" -a -w "$1"; }
directory() { either "$1" "$1 is not there" test -d "$1"; }
full() { either "$1" "$1 is absent or empty" test -s "$1"; }
absent() { either "no $1" "$1 exists" test ! -e "$1" -a ! -L "$1"; }
linked() { echo "$1 -> $(readlink -- "$1" || echo nothing)" && [ "$(readlink -- "$1")" = "$2" ]; }
on_path() {
    local tool missing=""
    for tool in "$@"; do command -v "$tool" > /dev/null || missing="$missing $tool"; done
    if [ -n "$missing" ]; then echo "not on PATH:$missing"; return 1; fi
    echo "$*"
}
slurm() {
    on_path sinfo squeue sbatch scancel > /dev/null || { on_path sinfo squeue sbatch scancel; return 1; }
    local queues
    queues=$(timeout 30 sinfo --noheader --format %P 2>&1) || { echo "$queues"; return 1; }
    echo "queues: $(paste -sd ' ' - <<< "$queues")"
}
bootstrapped() {
    echo "DAYLILY_EC_HEADNODE_BOOTSTRAPPED=${DAYLILY_EC_HEADNODE_BOOTSTRAPPED:-}"
    [ "${DAYLILY_EC_HEADNODE_BOOTSTRAPPED:-}" = 1 ]
}
answers() {
    local program
    program=$(command -v "$1") || { echo "$1 is not on PATH"; return 1; }
    echo "$program: $(timeout 30 "$@" < /dev/null 2>&1 | head -n 3 | paste -sd ' ' -)"
    timeout 30 "$@" < /dev/null > /dev/null 2>&1
}
flow_control() {
    # Only a terminal has it, so a login shell gets one of its own.
    local settings
    settings=$(timeout 20 script -qec "bash -lic 'stty -a'" /dev/null < /dev/null 2>&1 | tr -d '\r')
    case " $settings " in
        *' -ixon'*) echo "Ctrl-S and Ctrl-Q reach programs" ;;
        *ixon*) echo "Ctrl-S stops the terminal"; return 1 ;;
        *) echo "no terminal could be made"; return 1 ;;
    esac
}
overrides() {
    local record="${XDG_CONFIG_HOME:-$HOME/.config}/daylily/headnode.json"
    if [ ! -e "$record" ]; then echo none; return; fi
    jq -er '.overrides // {} | to_entries | map("\(.key):\(.value)") | join(" ") | if . == "" then "none" else . end' "$record"
}
conda_found() { type -P conda || either "$HOME/miniconda3" "no conda" test -x "$HOME/miniconda3/bin/conda"; }

host=$(hostname -s 2> /dev/null || hostname)
check node node
check user user
check home home
check fsx mounted
check analysis-root writable "$fsx/analysis_results"
check references directory "$fsx/references/genomic_data"
check data-link linked "$fsx/data" "$fsx/references"
check tools on_path git tmux flock setsid jq sha256sum gzip base64 awk realpath
check slurm slurm
check bootstrap bootstrapped
check dyec answers dyec version
check day-clone answers day-clone --list
check overrides overrides
check runtime-assets absent "$fsx/runtime_assets"
check apptainer full "$assets/cached_envs/apptainer_1.4.5_amd64.deb"
check cromwell full "$assets/tool_specific_resources/cromwell_87.jar"
check womtool full "$assets/tool_specific_resources/womtool_87.jar"
check conda-cache directory "$assets/cached_envs/conda"
check conda-environments directory "$fsx/resources/environments/conda/$DYEC_USER/$host"
check containers directory "$fsx/resources/environments/containers/$DYEC_USER/$host"
check conda conda_found
check flow-control flow_control
