#!/usr/bin/env bash
# Runs once on every node of a cluster (ParallelCluster's OnNodeConfigured action), as root.
#
#   post_install_ubuntu_combined.sh REGION BOOT_URI
#
# BOOT_URI is the S3 prefix this script was published under, below the reference bucket's runtime_assets; the same files
# are visible at /fsx/references once the reference association has been imported, which is what the script waits for.
# Every step may run again.  A required step that fails ends the boot with its exit code, and the last lines name it;
# an optional one (what needs the internet, or only makes things nicer) leaves a WARN line.
set -euo pipefail

readonly FSX=/fsx
readonly REFERENCES="${FSX}/references"
readonly ASSETS="${REFERENCES}/runtime_assets"
readonly ENVIRONMENTS="${FSX}/resources/environments"
readonly SLURM=/opt/slurm
readonly WAIT_SECONDS="${DAYLILY_BOOT_WAIT_SECONDS:-1800}"
readonly POLL_SECONDS="${DAYLILY_BOOT_POLL_SECONDS:-10}"
readonly OPTIONAL_SECONDS="${DAYLILY_BOOT_OPTIONAL_SECONDS:-300}"
readonly SCRIPT_NAME=post_install_ubuntu_combined.sh
readonly SUMS=SHA256SUMS
readonly APPTAINER_DEB="${ASSETS}/cached_envs/apptainer_1.4.5_amd64.deb"

HOST="$(hostname -s 2>/dev/null || hostname)"
readonly HOST
NODE_TYPE=unknown
STEP=start
LOG=/dev/null

say() {
    SAID="$(date -u +%Y-%m-%dT%H:%M:%SZ) daylily-boot ${STEP}: $*"
    printf '%s\n' "${SAID}"
}

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

required() {
    STEP="$1"
    shift
    local began="${SECONDS}"
    "$@"
    say "done ($((SECONDS - began)) s)"
}

optional() {
    STEP="$1"
    shift
    local began="${SECONDS}" code=0
    # In a condition `set -e` would not hold within the step.
    set +e
    (
        trap - EXIT
        set -e
        "$@"
    )
    code=$?
    set -e
    if [ "${code}" -eq 0 ]; then
        say "done ($((SECONDS - began)) s)"
    else
        say "WARN: optional step ended with exit code ${code} after $((SECONDS - began)) s; the boot goes on"
    fi
}

on_head_node() { [ "${NODE_TYPE}" = HeadNode ]; }

read_arguments() {
    [ "$#" -eq 2 ] || fail 64 "expected REGION and BOOT_URI, got $# arguments"
    REGION="$1"
    BOOT_URI="${2%/}"
    case "${BOOT_URI}" in
        s3://*/runtime_assets/cluster_boot_config/*) ;;
        *) fail 64 "BOOT_URI ${BOOT_URI} does not lie below runtime_assets/cluster_boot_config/" ;;
    esac
    PUBLISHED="${ASSETS}/${BOOT_URI##*/runtime_assets/}"
    readonly REGION BOOT_URI PUBLISHED
}

read_node_type() {
    local facts=/etc/parallelcluster/cfnconfig
    if [ -r "${facts}" ]; then
        NODE_TYPE="$(sed -n 's/^cfn_node_type=//p' "${facts}" | tr -d '"' | head -n 1)"
        NODE_TYPE="${NODE_TYPE:-unknown}"
    fi
}

start_log() {
    local directory=/var/log/daylily
    mkdir -p "${directory}"
    LOG="${directory}/${HOST}_${NODE_TYPE}_$(date -u +%Y%m%d%H%M%S)_postinstall.log"
    readonly LOG
    exec > >(tee -a "${LOG}") 2>&1
    : > "/tmp/${HOST}.postinstallBEGIN"
    say "region ${REGION}, boot configuration ${BOOT_URI}, node type ${NODE_TYPE}"
}

check_file_system() {
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
    directory 1777 "${FSX}/scratch"
    directory 1777 "${FSX}/tmp"
    directory 1777 "${ENVIRONMENTS}"
    directory 0777 "${FSX}/analysis_results"
    directory 0755 "${FSX}/logs"
    directory 1777 "${FSX}/logs/jobs"
    directory 1777 /tmp/jobs
}

missing_file() {
    local name
    for name in "${SCRIPT_NAME}" "${SUMS}"; do
        [ -s "${PUBLISHED}/${name}" ] || { printf '%s' "${PUBLISHED}/${name}"; return; }
    done
    while read -r _ name; do
        [ -s "${PUBLISHED}/${name#\*}" ] || { printf '%s' "${PUBLISHED}/${name#\*}"; return; }
    done < "${PUBLISHED}/${SUMS}"
}

wait_for_references() {
    local waited=0 absent
    while absent="$(missing_file)" && [ -n "${absent}" ]; do
        if [ "${waited}" -ge "${WAIT_SECONDS}" ]; then
            fail 75 "${absent} did not appear within ${WAIT_SECONDS} s: the reference association was not imported"
        fi
        [ $((waited % 60)) -ne 0 ] || say "waiting for ${absent} (${waited} s)"
        sleep "${POLL_SECONDS}"
        waited=$((waited + POLL_SECONDS))
    done
    say "references are visible after ${waited} s"
}

check_published_files() {
    (cd "${PUBLISHED}" && sha256sum --check --strict --quiet "${SUMS}") \
        || fail 76 "files below ${PUBLISHED} are not the ones that were published (${SUMS})"
}

link_data() {
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

set_region() {
    mkdir -p /etc/profile.d
    cat > /etc/profile.d/daylily-region.sh << EOF
export AWS_REGION="\${AWS_REGION:-${REGION}}"
export AWS_DEFAULT_REGION="\${AWS_DEFAULT_REGION:-${REGION}}"
EOF
}

configure_rclone() {
    local file=/home/ubuntu/.config/rclone/rclone.conf
    if [ ! -d /home/ubuntu ] || grep -q '^\[daylily\]' "${file}" 2>/dev/null; then return 0; fi
    mkdir -p "${file%/*}"
    printf '[daylily]\ntype = s3\nprovider = AWS\nenv_auth = true\nregion = %s\n' "${REGION}" >> "${file}"
    chmod 600 "${file}"
    chown -R ubuntu:ubuntu /home/ubuntu/.config/rclone
}

make_service_user() {
    id -u daylily > /dev/null 2>&1 || useradd --uid 1002 --create-home --shell /bin/bash daylily
}

# Each host has its own view of the environments, so that one that builds a new one never disturbs another.
seed_environments() {
    local user kind place entry
    for user in ubuntu daylily; do
        for kind in conda containers; do
            place="${ENVIRONMENTS}/${kind}/${user}/${HOST}"
            mkdir -p "${place}"
            for entry in "${ASSETS}/cached_envs/${kind}"/*; do
                [ -e "${entry}" ] || continue
                [ -e "${place}/${entry##*/}" ] || ln -s "${entry}" "${place}/${entry##*/}" || [ -L "${place}/${entry##*/}" ]
            done
            if id -u "${user}" > /dev/null 2>&1; then chown -h "${user}" "${place}" "${ENVIRONMENTS}/${kind}/${user}"; fi
        done
    done
}

set_kernel() {
    local memory_gib file=/etc/sysctl.d/90-daylily.conf
    mkdir -p "${file%/*}"
    memory_gib="$(awk '/^MemTotal:/ { print int($2 / 1048576) }' /proc/meminfo)"
    : > "${file}"
    # 2048 huge pages are 4 GiB, which a small head node cannot spare.
    if [ "${memory_gib:-0}" -ge 60 ]; then echo 'vm.nr_hugepages = 2048' >> "${file}"; fi
    if [ -e /proc/sys/kernel/apparmor_restrict_unprivileged_userns ]; then
        echo 'kernel.apparmor_restrict_unprivileged_userns = 0' >> "${file}"
    fi
    if [ -e /proc/sys/kernel/unprivileged_userns_clone ]; then
        echo 'kernel.unprivileged_userns_clone = 1' >> "${file}"
    fi
    sysctl --quiet --load "${file}"
}

grow_shared_memory() { mount -o remount,size=80% /dev/shm; }

missing_tools() {
    local tool
    for tool in tmux git jq rclone; do
        command -v "${tool}" > /dev/null 2>&1 || printf '%s ' "${tool}"
    done
}

install_packages() {
    local -a missing
    read -ra missing <<< "$(missing_tools)"
    if [ "${#missing[@]}" -eq 0 ]; then return 0; fi
    say "missing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    timeout "${OPTIONAL_SECONDS}" apt-get -qq -o DPkg::Lock::Timeout=60 update
    timeout "${OPTIONAL_SECONDS}" apt-get -qq -o DPkg::Lock::Timeout=60 install -y --no-install-recommends "${missing[@]}"
    read -ra missing <<< "$(missing_tools)"
    [ "${#missing[@]}" -eq 0 ] || { say "still missing: ${missing[*]}"; return 1; }
}

install_apptainer() {
    if command -v apptainer > /dev/null 2>&1; then return 0; fi
    [ -s "${APPTAINER_DEB}" ] || { say "${APPTAINER_DEB} is not there"; return 1; }
    if [ -s "${APPTAINER_DEB}.sha256" ]; then
        [ "$(sha256sum < "${APPTAINER_DEB}" | cut -d ' ' -f 1)" = "$(cut -d ' ' -f 1 "${APPTAINER_DEB}.sha256")" ] \
            || { say "${APPTAINER_DEB} does not have its SHA-256"; return 1; }
    fi
    export DEBIAN_FRONTEND=noninteractive
    timeout "${OPTIONAL_SECONDS}" apt-get -qq -o DPkg::Lock::Timeout=60 install -y "${APPTAINER_DEB}"
    command -v apptainer > /dev/null 2>&1 || { say "apptainer was not installed"; return 1; }
    [ -e /usr/local/bin/singularity ] || ln -s "$(command -v apptainer)" /usr/local/bin/singularity
}

link_workflow_tools() {
    local name found absent=0
    mkdir -p /opt/daylily/lib
    for name in cromwell_87.jar womtool_87.jar; do
        found="${ASSETS}/tool_specific_resources/${name}"
        if [ -s "${found}" ]; then
            ln -sfn "${found}" "/opt/daylily/lib/${name%%_*}.jar"
        else
            say "${found} is not there"
            absent=1
        fi
    done
    return "${absent}"
}

make_result_directories() {
    local name
    for name in ubuntu cromwell_executions daylily; do directory 0777 "${FSX}/analysis_results/${name}"; done
}

cluster_tag() {
    awk -v wanted="$1" '
        function value(text) { sub(/^[^:]*:[ \t]*/, "", text); gsub(/["\047]/, "", text); sub(/[ \t\r]+$/, "", text)
                               return text }
        /^[ \t]*(-[ \t]*)?Key:/ { key = value($0) }
        /^[ \t]*(-[ \t]*)?Value:/ && key == wanted { print value($0); exit }
    ' /opt/parallelcluster/shared/cluster-config.yaml
}

# The owner's ARN names the account; a cluster that dyec did not make has to ask.
account_id() {
    local account
    account="$(cluster_tag dyec:owner | cut -d : -f 5)"
    if ! [[ "${account}" =~ ^[0-9]{12}$ ]]; then
        account="$(timeout 20 aws sts get-caller-identity --query Account --output text 2> /dev/null || true)"
    fi
    if [[ "${account}" =~ ^[0-9]{12}$ ]]; then printf '%s' "${account}"; fi
}

# What the job wrapper knows of this cluster.
write_budget_facts() {
    local file="${SLURM}/etc/daylily-budget.env" name tag value
    mkdir -p "${file%/*}"
    {
        printf 'region=%s\naccount=%s\n' "${REGION}" "$(account_id)"
        while read -r name tag; do
            value="$(cluster_tag "${tag}")"
            case "${value}" in
                *[!A-Za-z0-9._@+:=/-]*) value='' ;;
            esac
            printf '%s=%s\n' "${name}" "${value}"
        done << 'EOF'
project aws-parallelcluster-project
enforce aws-parallelcluster-enforce-budget
EOF
    } > "${file}.new"
    chmod 644 "${file}.new"
    mv "${file}.new" "${file}"
}

same_file() { [ -f "$2" ] && [ ! -L "$2" ] && cmp -s "$1" "$2"; }

place_file() {
    local source="$1" target="$2"
    if same_file "${source}" "${target}"; then return 0; fi
    cp "${source}" "${target}.new"
    chmod 755 "${target}.new"
    mv -f "${target}.new" "${target}"
}

# Slurm's own programs move aside once; the wrapper, which is not Slurm's, never replaces them there.
install_wrapper() {
    local name wrapper="${PUBLISHED}/sbatch"
    if [ ! -e "${SLURM}/bin/sbatch" ] && [ ! -e "${SLURM}/sbin/sbatch" ]; then
        say "there is no Slurm below ${SLURM}"
        return 0
    fi
    mkdir -p "${SLURM}/sbin"
    for name in sbatch srun; do
        if [ ! -e "${SLURM}/sbin/${name}" ] && [ -e "${SLURM}/bin/${name}" ]; then
            mv "${SLURM}/bin/${name}" "${SLURM}/sbin/${name}"
        fi
    done
    place_file "${wrapper}" "${SLURM}/bin/sbatch"
    ln -sfn sbatch "${SLURM}/bin/srun"
    place_file "${PUBLISHED}/sleep_test.sh" "${SLURM}/bin/sleep_test.sh"
}

log_spot_price() {
    local base=http://169.254.169.254/latest token type zone
    [ "${AWS_EC2_METADATA_DISABLED:-}" != true ] || { say "there is no instance metadata"; return 1; }
    token="$(curl -sf -m 3 -X PUT "${base}/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60')"
    type="$(curl -sf -m 3 -H "X-aws-ec2-metadata-token: ${token}" "${base}/meta-data/instance-type")"
    zone="$(curl -sf -m 3 -H "X-aws-ec2-metadata-token: ${token}" "${base}/meta-data/placement/availability-zone")"
    timeout 30 aws ec2 describe-spot-price-history --region "${REGION}" --availability-zone "${zone}" \
        --instance-types "${type}" --product-descriptions 'Linux/UNIX' --start-time "$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
        --output text >> "${FSX}/scratch/${HOST}_spot_price.log"
}

keep_log() {
    # The log has a writer of its own, with its own pace: once it has what was said last, it has all.
    local tries=100
    until grep -qxF -- "${SAID}" "${LOG}" 2>/dev/null || [ "${tries}" -eq 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
    cp "${LOG}" "${FSX}/logs/"
}

finish() {
    : > "/tmp/${HOST}.postinstallcomplete"
}

prepare_node() {
    optional region set_region
    optional service-user make_service_user
    optional environments seed_environments
    optional kernel set_kernel
    optional packages install_packages
    optional apptainer install_apptainer
    optional workflow-tools link_workflow_tools
}

prepare_head_node() {
    required result-directories make_result_directories
    optional rclone configure_rclone
    optional budget-facts write_budget_facts
    required job-wrapper install_wrapper
}

prepare_compute_node() {
    optional shared-memory grow_shared_memory
    optional spot-price log_spot_price
}

main() {
    STEP=arguments
    read_arguments "$@"
    STEP=node-type
    read_node_type
    STEP=log
    start_log
    required file-system check_file_system
    required directories make_directories
    required references wait_for_references
    required published-files check_published_files
    required data-link link_data
    prepare_node
    if on_head_node; then prepare_head_node; else prepare_compute_node; fi
    optional keep-log keep_log
    required finish finish
    say "complete"
}

main "$@"
