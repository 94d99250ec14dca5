#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs dyec on this node and prints one line per step, "<step> <status> <milliseconds> <what was found>".
# Every step may run again; a required one that fails ends the script with exit code 70 and its name as the last line.
#
# DYEC_BUNDLE (s3:// prefix), DYEC_RELEASE (its name), DYEC_DIGEST (SHA-256 of its SHA256SUMS), DYEC_PYTHON (interpreter),
# DYEC_SETTINGS (JSON for daylily_ec.headnode.site_files), DYEC_CONDA (1: try it), DYEC_CONDA_URL, DYEC_CONDA_SHA256.
set -u -o pipefail

base="$HOME/.local/share/daylily"
place="$base/releases/$DYEC_RELEASE"
env_dir="$place/DAY-EC"
marker="$place/.complete"
settings="$HOME/.config/daylily"
hook="$settings/daylily-headnode-bootstrap.sh"
begin='# >>> daylily headnode bootstrap >>>'
end='# <<< daylily headnode bootstrap <<<'
programs='dyec daylily-ec dayctl day-clone'

now() { date +%s%3N; }
report() { printf '%s %s %s %s\n' "$1" "$2" "$(($(now) - began))" "${3:-}"; }

step() {
    # step NAME FUNCTION: the function says in $found what it found, and "done" or "unchanged" in $status.
    local name="$1" code
    began=$(now) found='' status='done'
    "$2"
    code=$?
    if [ "$code" -ne 0 ]; then
        report "$name" failed "$found"
        printf '%s\n' "${found:-step $name ended with exit code $code}" >&2
        exit 70
    fi
    report "$name" "$status" "$found"
}

complete() { [ "$(cat "$marker" 2> /dev/null)" = "$DYEC_DIGEST" ] && "$env_dir/bin/dyec" version > /dev/null 2>&1; }

fetch() {
    if complete; then status=unchanged found="$DYEC_RELEASE"; return; fi
    command -v aws > /dev/null || { found='the aws program is not on PATH'; return 1; }
    rm -rf "$place"
    mkdir -p "$place/wheels" || { found="$place cannot be made"; return 1; }
    found=$(AWS_MAX_ATTEMPTS=5 aws s3 cp --only-show-errors --recursive "$DYEC_BUNDLE" "$place/wheels/" 2>&1) || return 1
    [ "$(sha256sum < "$place/wheels/SHA256SUMS" | cut -d ' ' -f 1)" = "$DYEC_DIGEST" ] ||
        { found="$DYEC_BUNDLE is not what was published: SHA256SUMS differs"; return 1; }
    found=$(cd "$place/wheels" && sha256sum --check --strict --quiet SHA256SUMS 2>&1) || return 1
    set -- "$place"/wheels/*.whl
    found="$# wheels"
}

install() {
    local -a pip
    if complete; then status=unchanged found="$env_dir"; return; fi
    rm -rf "$env_dir"
    found=$("$DYEC_PYTHON" -m venv --without-pip --prompt DAY-EC "$env_dir" 2>&1) || return 1
    pip=("$place"/wheels/pip-*.whl)
    # Modules are compiled when they are first imported; compiling all of them takes longer than everything else.
    found=$(PYTHONPATH="${pip[0]}" PIP_CONFIG_FILE=/dev/null "$env_dir/bin/python" -m pip --isolated install --quiet --no-index --no-compile \
        --disable-pip-version-check --no-cache-dir --find-links "$place/wheels" --constraint "$place/wheels/requirements.txt" \
        pip daylily-ec 2>&1) || return 1
    rm -rf "$place/wheels"
    printf '%s\n' "$DYEC_DIGEST" > "$marker.new" && mv "$marker.new" "$marker" || return 1
    complete || { found=$("$env_dir/bin/dyec" version 2>&1); return 1; }
    found="$("$env_dir/bin/python" --version) in $env_dir"
}

link() {
    # A link is replaced in one step: a program that starts meanwhile finds the old release or the new one.
    [ "$(readlink "$2")" = "$1" ] && return 0
    status='done'
    ln -sfn "$1" "$2.new" && mv -T "$2.new" "$2"
}

activate() {
    local name
    status=unchanged
    mkdir -p "$HOME/.local/bin" || { found="$HOME/.local/bin cannot be made"; return 1; }
    if [ -e "$HOME/DAY-EC" ] && [ ! -L "$HOME/DAY-EC" ]; then
        found="$HOME/DAY-EC exists and is not ours; move it away"
        return 1
    fi
    link "$env_dir" "$HOME/DAY-EC" || { found="$HOME/DAY-EC cannot be linked"; return 1; }
    for name in $programs; do
        link "$HOME/DAY-EC/bin/$name" "$HOME/.local/bin/$name" || { found="$HOME/.local/bin/$name cannot be linked"; return 1; }
    done
    found="$programs in $HOME/.local/bin"
}

site_files() {
    found=$("$env_dir/bin/python" -m daylily_ec.headnode.site_files 2>&1) || return 1
    status=${found%% *} found=${found#* }
}

hook_text() {
    cat << 'EOF'
# Written by dyec headnode configure: what a login shell of a head node needs.
export DAYLILY_EC_HEADNODE_BOOTSTRAPPED=1
case ":$PATH:" in
    *":$HOME/.local/bin:"*) ;;
    *) export PATH="$HOME/.local/bin:$PATH" ;;
esac
if [ -z "${AWS_REGION:-}" ] && [ -r /etc/parallelcluster/cfnconfig ]; then
    AWS_REGION="$(sed -n 's/^cfn_region=//p' /etc/parallelcluster/cfnconfig | tr -d "\"'")"
    export AWS_REGION AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-$AWS_REGION}"
fi
# Ctrl-S and Ctrl-Q belong to the programs in the terminal.
if [ -t 0 ]; then stty -ixon -ixoff 2> /dev/null || true; fi
EOF
}

managed() {
    # The block once, at the end of the file; everything outside it stays as it is.
    local file="$1" text
    text=$(sed "/^$begin\$/,/^$end\$/d" "$file" 2> /dev/null)
    [ -z "$text" ] || printf '%s\n' "$text"
    # shellcheck disable=SC2016  # expanded by the login shell
    printf '%s\n[ ! -r "%s" ] || . "%s"\n%s\n' "$begin" '$HOME/.config/daylily/daylily-headnode-bootstrap.sh' \
        '$HOME/.config/daylily/daylily-headnode-bootstrap.sh' "$end"
}

replace() {
    # replace FILE TEXT: in one step, and only when it differs; a symbolic link keeps leading where it leads.
    local file
    file=$(readlink -f "$1")
    [ "$(cat "$file" 2> /dev/null)" = "$2" ] && return 0
    status='done'
    cp -p "$file" "$file.new" 2> /dev/null
    printf '%s\n' "$2" > "$file.new" && mv "$file.new" "$file"
}

login_hook() {
    local file
    status=unchanged
    if ! mkdir -p "$settings" || ! replace "$hook" "$(hook_text)"; then found="$hook cannot be written"; return 1; fi
    # Without it bash would read .profile; with it, it does not any more.
    # shellcheck disable=SC2016  # expanded by the login shell
    [ -e "$HOME/.bash_profile" ] || [ ! -e "$HOME/.profile" ] || printf '[ ! -r "$HOME/.profile" ] || . "$HOME/.profile"\n' > "$HOME/.bash_profile"
    for file in "$HOME/.bashrc" "$HOME/.bash_profile"; do
        replace "$file" "$(managed "$file")" || { found="$file cannot be written"; return 1; }
    done
    found="$hook"
}

conda() {
    local installer="$HOME/miniconda3.installer"
    status=unchanged found="$HOME/miniconda3"
    [ ! -r "$HOME/miniconda3/etc/profile.d/conda.sh" ] || return 0
    status=skipped found='not asked for'
    [ "$DYEC_CONDA" = 1 ] || return 0
    status=unreachable
    [ "$(uname -m)" = x86_64 ] || { found="no installer is pinned for $(uname -m)"; return 0; }
    found=$(curl -fsSL --connect-timeout 10 --max-time 600 --retry 1 -o "$installer" "$DYEC_CONDA_URL" 2>&1) ||
        { found="$DYEC_CONDA_URL: $(printf %s "$found" | tail -n 1)"; rm -f "$installer"; return 0; }
    status=failed
    [ "$(sha256sum < "$installer" | cut -d ' ' -f 1)" = "$DYEC_CONDA_SHA256" ] ||
        { found="$DYEC_CONDA_URL does not have its SHA-256"; rm -f "$installer"; return 0; }
    found=$(bash "$installer" -b -u -p "$HOME/miniconda3" 2>&1 | tail -n 1) || { rm -f "$installer"; return 0; }
    rm -f "$installer"
    status='done' found="$HOME/miniconda3"
}

verify() {
    found=$(bash -lc 'dyec --json runtime identity > /dev/null && day-clone --list > /dev/null && type -P dyec' 2>&1) || return 1
    [ "$found" = "$HOME/.local/bin/dyec" ] || { found="a login shell runs ${found:-no dyec} instead of $HOME/.local/bin/dyec"; return 1; }
}

mkdir -p "$base" || exit 70
exec 9> "$base/.lock"
flock -w 300 9 || { echo 'another configuration has been running for 5 minutes' >&2; exit 70; }
step fetch fetch
step install install
step activate activate
step settings site_files
step login-hook login_hook
step conda conda
step verify verify
