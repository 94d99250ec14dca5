#!/usr/bin/env bash
# Runs once on every node of a cluster (ParallelCluster's OnNodeConfigured action), as root.
#
#   post_install_ubuntu_combined.sh REGION BOOT_URI
#
# BOOT_URI is the S3 prefix this script was published under, below the reference bucket's runtime_assets; the same file
# is visible at /fsx/references once the reference association has been imported, which is what the script waits for.
# Every step may run again.  A step that fails ends the boot with its exit code, and the last lines name it.
set -euo pipefail

readonly FSX=/fsx
readonly REFERENCES="${FSX}/references"
readonly WAIT_SECONDS="${DAYLILY_BOOT_WAIT_SECONDS:-1800}"
readonly POLL_SECONDS="${DAYLILY_BOOT_POLL_SECONDS:-10}"
readonly SCRIPT_NAME=post_install_ubuntu_combined.sh

HOST="$(hostname -s 2>/dev/null || hostname)"
readonly HOST
NODE_TYPE=unknown
STEP=start

say() { printf '%s daylily-boot %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "${STEP}" "$*"; }

fail() {
    local code="$1"
    shift
    say "FAILED: $*" >&2
    exit "${code}"
}

on_exit() {
    local code=$?
    if [ "${code}" -ne 0 ]; then
        say "step '${STEP}' of ${SCRIPT_NAME} ended with exit code ${code} on ${HOST} (${NODE_TYPE})" >&2
    fi
}
trap on_exit EXIT

read_arguments() {
    STEP=arguments
    [ "$#" -eq 2 ] || fail 64 "expected REGION and BOOT_URI, got $# arguments"
    REGION="$1"
    BOOT_URI="${2%/}"
    case "${BOOT_URI}" in
        s3://*/runtime_assets/cluster_boot_config/*) ;;
        *) fail 64 "BOOT_URI ${BOOT_URI} does not lie below runtime_assets/cluster_boot_config/" ;;
    esac
    readonly REGION BOOT_URI
}

read_node_type() {
    STEP=node-type
    local facts=/etc/parallelcluster/cfnconfig
    if [ -r "${facts}" ]; then
        NODE_TYPE="$(sed -n 's/^cfn_node_type=//p' "${facts}" | tr -d '"' | head -n 1)"
        NODE_TYPE="${NODE_TYPE:-unknown}"
    fi
}

start_log() {
    STEP=log
    local directory=/var/log/daylily
    mkdir -p "${directory}"
    LOG="${directory}/${HOST}_${NODE_TYPE}_$(date -u +%Y%m%d%H%M%S)_postinstall.log"
    readonly LOG
    exec > >(tee -a "${LOG}") 2>&1
    : > "/tmp/${HOST}.postinstallBEGIN"
    say "region ${REGION}, boot configuration ${BOOT_URI}, node type ${NODE_TYPE}"
}

check_file_system() {
    STEP=file-system
    [ -d "${FSX}" ] || fail 71 "${FSX} is not there: the shared file system was not mounted"
    [ -w "${FSX}" ] || fail 71 "${FSX} cannot be written"
}

directory() {
    local mode="$1" path="$2"
    mkdir -p "${path}"
    # On a compute node the directory may exist already and belong to the head node's user.
    chmod "${mode}" "${path}" 2>/dev/null || [ -w "${path}" ] || fail 73 "${path} cannot be made writable"
}

make_directories() {
    STEP=directories
    directory 1777 "${FSX}/scratch"
    directory 1777 "${FSX}/tmp"
    directory 1777 "${FSX}/resources/environments"
    directory 0777 "${FSX}/analysis_results"
    directory 0755 "${FSX}/logs"
    directory 1777 /tmp/jobs
}

wait_for_references() {
    STEP=references
    local prefix="${BOOT_URI##*/runtime_assets/}"
    local proof="${REFERENCES}/runtime_assets/${prefix}/${SCRIPT_NAME}"
    local waited=0
    until [ -s "${proof}" ]; do
        if [ "${waited}" -ge "${WAIT_SECONDS}" ]; then
            fail 75 "${proof} did not appear within ${WAIT_SECONDS} s: the reference association was not imported"
        fi
        [ $((waited % 60)) -ne 0 ] || say "waiting for ${proof} (${waited} s)"
        sleep "${POLL_SECONDS}"
        waited=$((waited + POLL_SECONDS))
    done
    say "references are visible after ${waited} s"
}

link_data() {
    STEP=data-link
    # Workflows of earlier releases look below /fsx/data.
    local link="${FSX}/data"
    if [ -L "${link}" ]; then
        [ "$(readlink "${link}")" = "${REFERENCES}" ] || fail 73 "${link} points to $(readlink "${link}")"
    elif [ -e "${link}" ]; then
        fail 73 "${link} exists and is not a link to ${REFERENCES}"
    else
        # Two nodes may get here at the same moment; the one that loses finds the link made.
        ln -s "${REFERENCES}" "${link}" 2>/dev/null || [ -L "${link}" ] || fail 73 "${link} could not be made"
    fi
}

keep_log() {
    STEP=keep-log
    cp "${LOG}" "${FSX}/logs/" 2>/dev/null || say "the log could not be copied to ${FSX}/logs"
}

finish() {
    STEP=finish
    : > "/tmp/${HOST}.postinstallcomplete"
    say "complete"
}

main() {
    read_arguments "$@"
    read_node_type
    start_log
    check_file_system
    make_directories
    wait_for_references
    link_data
    keep_log
    finish
}

main "$@"
