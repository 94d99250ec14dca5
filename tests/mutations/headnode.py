"""Mutations of the way to the head node: each takes one safeguard away, and names a test that must notice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_SSM = "daylily_ec/headnode/ssm.py"
_REMOTE = "daylily_ec/headnode/remote.py"
_FILES = "daylily_ec/headnode/files.py"
_TRANSPORT = "tests/integration/headnode/test_transport.py"
_FILES_TEST = "tests/integration/headnode/test_files.py"
_ANSWERS = "tests/unit/headnode/test_ssm_answers.py"
_READY = "tests/unit/headnode/test_readiness.py"
_LOGIN = "tests/unit/headnode/test_login.py"

MUTATIONS = (
    Mutation(
        "run a payload whatever its hash",
        "config/headnode/transport.sh",
        'if [ "$sum" != "$DYEC_SHA256" ]; then',
        "if false; then",
        f"{_TRANSPORT}::test_a_payload_that_was_changed_in_s3_is_never_run",
    ),
    Mutation(
        "leave the payload in S3",
        "daylily_ec/headnode/store.py",
        "            self._remove(key)\n",
        "            pass\n",
        f"{_TRANSPORT}::test_a_payload_that_was_changed_in_s3_is_never_run",
    ),
    Mutation(
        "a command goes on after Ctrl-C",
        _SSM,
        "except BaseException:",
        "except AwsError:",
        f"{_TRANSPORT}::test_ctrl_c_cancels_the_command_and_leaves_no_object",
    ),
    Mutation(
        "believe any output",
        _SSM,
        "if len(content) != stream.size or hashlib.sha256(content).hexdigest() != stream.sha256:",
        "if False:",
        _ANSWERS,
    ),
    Mutation(
        "hide the node's own words",
        _REMOTE,
        'f"{what} failed on the head node with exit code {self.exit_code}" + (f":\\n{shown}" if shown else "."),',
        'f"{what} failed on the head node with exit code {self.exit_code}.",',
        f"{_TRANSPORT}::test_the_exit_code_and_stderr_are_kept",
    ),
    Mutation(
        "export values that no environment can hold",
        _REMOTE,
        "fits = len(raw) <= MAX_EXPORTED_BYTES and exported + len(raw) <= MAX_ENVIRONMENT_BYTES",
        "fits = True",
        f"{_TRANSPORT}::test_payloads_over_the_limit_arrive_through_s3_byte_for_byte",
    ),
    Mutation(
        "a damaged upload takes its place",
        "config/headnode/receive_file.sh",
        '|| [ "$(sum "$part")" != "$DYEC_SHA256" ]; then',
        "|| false; then",
        f"{_FILES_TEST}::test_what_was_damaged_on_the_way_never_appears",
    ),
    Mutation(
        "an upload replaces what is there",
        "config/headnode/receive_file.sh",
        '    [ "${DYEC_FORCE:-}" = 1 ] || refuse target_exists "$path exists and is another file."\n',
        "    DYEC_FORCE=1\n",
        f"{_FILES_TEST}::test_the_same_file_is_unchanged_and_another_is_replaced_only_when_told",
    ),
    Mutation(
        "a damaged download takes its place",
        _FILES,
        "if seen != sha256:",
        "if False:",
        f"{_FILES_TEST}::test_a_download_that_was_damaged_never_appears",
    ),
    Mutation(
        "a readiness test without an answer holds",
        "daylily_ec/headnode/readiness.py",
        '(False, "no answer")',
        '(True, "no answer")',
        _READY,
    ),
    Mutation(
        "launch on a node that is not ready",
        "daylily_ec/headnode/readiness.py",
        "    if not failed:\n",
        "    if failed or not failed:\n",
        _READY,
    ),
    Mutation(
        "log in as anybody",
        "daylily_ec/headnode/login.py",
        "found.user == CLUSTER_USER,",
        "True,",
        _LOGIN,
    ),
    Mutation(
        "leave the terminal without flow control",
        "daylily_ec/headnode/login.py",
        "termios.tcsetattr(terminal, termios.TCSADRAIN, before)",
        "pass",
        _LOGIN,
    ),
    Mutation(
        "the only cluster is the one that a script means",
        "daylily_ec/workflow/choose_cluster.py",
        "    names = [view.name for view in found]\n",
        "    names = [view.name for view in found]\n    if len(names) == 1:\n        return names[0]\n",
        "tests/unit/launch/test_choose_cluster.py",
    ),
    Mutation(
        "words of a command are counted by the shell",
        "config/headnode/run_command.sh",
        "case \"$DYEC_ARGC\" in '' | *[!0-9]*) exit 64 ;; esac\n",
        "",
        f"{_TRANSPORT}::test_a_number_of_words_is_never_an_expression",
    ),
)
