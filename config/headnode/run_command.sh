#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs one command: DYEC_ARGC words in DYEC_ARG_0, DYEC_ARG_1 ...; no word is read by a shell.
case "$DYEC_ARGC" in '' | *[!0-9]*) exit 64 ;; esac
argv=()
for ((number = 0; number < DYEC_ARGC; number++)); do
    name="DYEC_ARG_$number"
    argv+=("${!name}")
    unset "$name"
done
unset DYEC_ARGC
exec "${argv[@]}"
