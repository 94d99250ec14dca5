"""Mutations of the create path: each takes one safeguard away, and names a test that must notice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_CALLS = "tests/unit/aws/test_repeatable_calls.py"
_STEPS = "tests/unit/workflow_create/test_steps.py"
_NETWORK = "tests/unit/workflow_create/test_network.py"
_MONITOR = "tests/unit/pcluster/test_monitor.py"
_INTERRUPTS = "tests/unit/util/test_interrupts.py"
_EXECUTOR = "tests/unit/plan/test_executor.py"
_STORE = "tests/unit/state/test_store.py"
_OPERATORS = "tests/integration/create/test_two_operators.py"
_WRITES = "tests/faults/test_damage.py::test_a_write_killed_anywhere_leaves_the_old_content_or_the_new"
_REFUSED = 'if aws_code(error) in {"PreconditionFailed", "412", "ConditionalRequestConflict"}:\n                return '

MUTATIONS = (
    Mutation(
        "forget a lost interrupt",
        "daylily_ec/util/interrupts.py",
        "    timer.start()\n",
        "    pass\n",
        f"{_INTERRUPTS}::test_a_lost_interrupt_arrives_in_the_wait_that_follows",
    ),
    Mutation(
        "leave lost interrupts to the interpreter",
        "daylily_ec/cli/main.py",
        "    repeat_lost_interrupts()\n",
        "",
        f"{_INTERRUPTS}::test_the_program_installs_the_hook",
    ),
    Mutation(
        "skip the stack's request token",
        "daylily_ec/aws/cloudformation.py",
        ", ClientRequestToken=_token(request),",
        ",",
        _CALLS,
    ),
    Mutation(
        "a token that changes with every call",
        "daylily_ec/aws/cloudformation.py",
        'return "dyec-" + hashlib.sha256(text.encode())',
        'return "dyec-" + hashlib.sha256(repr(object()).encode())',
        _CALLS,
    ),
    Mutation("create objects without a condition", "daylily_ec/aws/s3.py", ', IfNoneMatch="*"', "", _CALLS),
    Mutation("replace objects without a condition", "daylily_ec/aws/s3.py", """, IfMatch=f'"{etag}"'""", "", _CALLS),
    Mutation(
        "a lost condition counts as written", "daylily_ec/aws/s3.py", _REFUSED + "False", _REFUSED + "True", _CALLS
    ),
    Mutation(
        "any error means that there is no stack",
        "daylily_ec/aws/cloudformation.py",
        'if aws_code(error) == "ValidationError" and "does not exist" in str(error.details.get("aws_message")):',
        "if True:",
        _CALLS,
    ),
    Mutation(
        "any error means that there is no cluster",
        "daylily_ec/aws/clusters.py",
        'if aws_code(error) == "ValidationError" and "does not exist" in str(error.details.get("aws_message")):',
        "if True:",
        _CALLS,
    ),
    Mutation(
        "any error means that there is no budget",
        "daylily_ec/aws/budgets.py",
        "            if aws_code(error) == _ABSENT:\n                return None",
        "            return None",
        _CALLS,
    ),
    Mutation(
        "an unreadable table counts as absent",
        "daylily_ec/aws/s3.py",
        'answer = self._client.call("get_object", Bucket=bucket, Key=key)\n        except AwsError as error:\n'
        "            if aws_code(error) in _ABSENT:",
        'answer = self._client.call("get_object", Bucket=bucket, Key=key)\n        except AwsError as error:\n'
        "            if error:",
        _CALLS,
    ),
    Mutation(
        "accept any message of a dry run",
        "daylily_ec/pcluster/runner.py",
        'if answer.get("message") == DRY_RUN_PASSED:',
        'if answer.get("message"):',
        "tests/unit/pcluster/test_runner.py",
    ),
    Mutation(
        "adopt anybody's cluster",
        "daylily_ec/workflow/create_steps.py",
        "view.tags.get(OWNER_TAG) == claim.owner and ",
        "",
        _STEPS,
    ),
    Mutation(
        "adopt a cluster of another configuration",
        "daylily_ec/workflow/create_steps.py",
        " and view.tags.get(HASH_TAG) == claim.config_hash",
        "",
        _STEPS,
    ),
    Mutation(
        "look after any cluster that a finished run made",
        "daylily_ec/workflow/create_steps.py",
        "if same and view.status in _COMPLETE:",
        "if view.status:",
        _STEPS,
    ),
    Mutation(
        "a lost race is always an error",
        "daylily_ec/workflow/create_steps.py",
        "if again.action is not Action.ADOPT:",
        "if again:",
        _STEPS,
    ),
    Mutation(
        "overwrite the boot configuration",
        "daylily_ec/workflow/create_steps.py",
        "self.s3.put_if_absent(",
        "self.s3.put(",
        _STEPS,
    ),
    Mutation(
        "half a network is enough", "daylily_ec/workflow/create_network.py", "if choice.problem:", "if False:", _NETWORK
    ),
    Mutation(
        "carry a step out that is done",
        "daylily_ec/plan/executor.py",
        "if step.is_done(observed):",
        "if False:",
        _EXECUTOR,
    ),
    Mutation(
        "no journal line before a step",
        "daylily_ec/plan/executor.py",
        'journal.append("apply", step.name)',
        "pass",
        _EXECUTOR,
    ),
    Mutation(
        "a failed step leaves no line",
        "daylily_ec/plan/executor.py",
        'journal.append("failed", step.name, error=f"{type(error).__name__}: {error}")',
        "pass",
        _EXECUTOR,
    ),
    Mutation(
        "the record is not written first",
        "daylily_ec/state/store.py",
        'return write_new(self.directory / f"state_{record.cluster_name}_{record.stamp}.json", dumps(record))',
        'return self.directory / f"state_{record.cluster_name}_{record.stamp}.json"',
        _STORE,
    ),
    Mutation(
        "a record without its end is whole",
        "daylily_ec/state/store.py",
        'if not text.endswith("}\\n"):',
        "if False:",
        _STORE,
    ),
    Mutation(
        "a torn journal line stays",
        "daylily_ec/state/journal.py",
        "        if torn:\n            os.truncate",
        "        if False:\n            os.truncate",
        "tests/unit/state/test_journal.py",
    ),
    Mutation(
        "a busy cluster is worked on twice",
        "daylily_ec/state/locks.py",
        "raise _busy(holder, region, cluster) from None",
        "pass",
        "tests/unit/state/test_locks.py",
    ),
    Mutation(
        "replace files in place",
        "daylily_ec/util/files.py",
        "name.replace(path)",
        "path.write_bytes(name.read_bytes())",
        _WRITES,
    ),
    Mutation(
        "a new file appears empty",
        "daylily_ec/util/files.py",
        "os.link(name, candidate)",
        'candidate.open("xb").close(); candidate.write_bytes(name.read_bytes())',
        _WRITES,
    ),
    Mutation(
        "expired credentials are polled on",
        "daylily_ec/pcluster/monitor.py",
        "except (CredentialsExpired, NoCredentials) as error:",
        "except NoCredentials as error:",
        _MONITOR,
    ),
    Mutation(
        "failed polls never end the wait",
        "daylily_ec/pcluster/monitor.py",
        "if self._failures >= TOLERATED_FAILURES:",
        "if False:",
        _MONITOR,
    ),
    Mutation(
        "a cluster that failed is a success",
        "daylily_ec/aws/cloudformation.py",
        "return self.status in _USABLE",
        "return True",
        _MONITOR,
    ),
    Mutation(
        "the rollback flag is ignored",
        "daylily_ec/workflow/create_wait.py",
        "if not patience.rollback:",
        "if False:",
        "tests/unit/workflow_create/test_wait.py",
    ),
    Mutation(
        "unknown tokens stay in the configuration",
        "daylily_ec/render/substitutions.py",
        "    if problems:\n",
        "    if False:\n",
        "tests/unit/render/test_substitutions.py",
    ),
    Mutation(
        "a failed preflight opens the gate",
        "daylily_ec/preflight/run.py",
        "    if failed:\n",
        "    if False:\n",
        "tests/unit/preflight/test_run.py",
    ),
    Mutation(
        "nobody's word lets warnings pass",
        "daylily_ec/preflight/run.py",
        "return options.confirm is not None and options.confirm(",
        "return options.confirm is None or options.confirm(",
        "tests/unit/preflight/test_run.py",
    ),
    Mutation(
        "a refused question lets warnings pass",
        "daylily_ec/cli/questions.py",
        'in ("y", "yes")',
        'not in ("n", "no")',
        "tests/unit/config/test_configuration.py",
    ),
    Mutation(
        "other projects' rows are dropped",
        "daylily_ec/workflow/ensure_projects.py",
        'lines = text.split("\\n")',
        'lines = [""]',
        "tests/unit/ensure/test_projects.py",
    ),
    Mutation(
        "a refused dry run ends the run whatever exists by then",
        "daylily_ec/workflow/create_cluster.py",
        "                if not cluster.is_done(observed):\n",
        "                if True:\n",
        f"{_OPERATORS}::test_a_cluster_that_comes_before_the_dry_run_is_judged_like_any_that_exists",
    ),
)
