#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints what a bundle for this node must fit, as "name=value" lines; changes nothing.
# The interpreter is the first of python3.12 and python3.11 on PATH that works, else ParallelCluster's own (3.12 from 3.13.0 on).
set -u

fit() {
    [ -x "$1" ] && "$1" -c 'import sys, venv, zlib, ssl; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2> /dev/null
}

python() {
    local name found
    for name in python3.12 python3.11 python3; do
        found=$(command -v "$name") && fit "$found" && { printf %s "$found"; return; }
    done
    for found in /opt/parallelcluster/pyenv/versions/3.1[21]*/bin/python3; do
        if fit "$found"; then printf %s "$found"; return; fi
    done
}

interpreter=$(python)
echo "python=$interpreter"
if [ -n "$interpreter" ]; then
    echo "python_version=$("$interpreter" -c 'import platform; print(platform.python_version())')"
else
    echo "python_version=$(python3 -c 'import platform; print(platform.python_version())' 2> /dev/null)"
fi
echo "machine=$(uname -m)"
echo "glibc=$(getconf GNU_LIBC_VERSION 2> /dev/null | cut -d ' ' -f 2)"
echo "aws=$(command -v aws || true)"
echo "release=$(sed -n 's/^  "release": "\(.*\)",\{0,1\}$/\1/p' "$HOME/.config/daylily/headnode.json" 2> /dev/null)"
# The cluster's own boot script lies in the reference bucket: what is published for its nodes lies beside it.
echo "boot_script=$(sed -n 's/^ *\(- *\)\{0,1\}Script: *["'\'']\{0,1\}\(s3:[^"'\'' ]*\).*$/\2/p' /opt/parallelcluster/shared/cluster-config.yaml 2> /dev/null | head -n 1)"
