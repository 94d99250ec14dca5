"""Mutations of the deletion: each takes one gate or one safeguard away, and names a test that must notice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_PLAN = "daylily_ec/workflow/delete_plan.py"
_FACTS = "daylily_ec/workflow/delete_gates.py"
_RESULTS = "daylily_ec/workflow/delete_results.py"
_DELETE = "daylily_ec/workflow/delete_cluster.py"
_LEFT = "daylily_ec/workflow/leftovers.py"
_HELD = "daylily_ec/aws/holdings.py"
_LOOK = "daylily_ec/fsx/results.py"
_CLI = "daylily_ec/cli/delete.py"
_GATES = "tests/unit/delete/test_gates.py"
_P8 = f"{_GATES}::test_p8_every_state_refuses_with_exactly_its_flags_and_obeys_exactly_them"
_TEST = "tests/unit/delete/test_delete.py"


def _gate(name: str, flag: str, fact: str) -> Mutation:
    field = flag[2:].replace("-", "_")
    line = f'        ({fact}(plan), "{flag}", acknowledged.{field}),\n'
    return Mutation(name, _FACTS, line, "", f"{_P8}[verified]")


MUTATIONS = (
    _gate("drop the gate of exports that are not finished", "--abandon-exports", "_unfinished"),
    _gate("drop the gate of exports that nobody can tell of", "--exports-unknown-ok", "_unreadable"),
    _gate("drop the gate of results", "--lose-results", "_unsafe"),
    _gate("drop the gate of jobs", "--kill-jobs", "_jobs"),
    _gate("drop the gate of a node that cannot be asked", "--node-unreachable-ok", "_silent_node"),
    Mutation("let one flag open another gate", _FACTS, '"--kill-jobs", acknowledged.kill_jobs',
             '"--kill-jobs", acknowledged.kill_jobs or acknowledged.lose_results', f"{_P8}[verified]"),
    Mutation("ignore tasks that run", _FACTS, "    return running + attached\n", "    return attached\n",
             f"{_P8}[verified]"),
    Mutation("ignore associations of exports", _FACTS, "    return running + attached\n", "    return running\n",
             f"{_P8}[verified]"),
    Mutation("take a queue that cannot be read for an empty one", _PLAN, "        return None, error.message\n",
             '        return (), ""  # type: ignore[return-value]\n', f"{_P8}[unlisted]"),
    Mutation("take results without a head node for none", _PLAN,
             '        return _Node(None, found=None, found_problem="there is no head node that could be asked")\n',
             "        return _Node(None)\n", f"{_P8}[verified]"),
    Mutation("ask the gates only once", _DELETE, "        plan = _ask(services, request, plan)\n", "", _TEST),
    Mutation("delete another stack of the name", _DELETE, "    if plan.stack_id != shown.stack_id:\n",
             "    if False:\n", _TEST),
    Mutation("do not ask", _DELETE, "        confirm(plan)\n", "", _TEST),
    Mutation("accept words that are not exactly those", _CLI, '.removesuffix("\\n")', ".strip()", _TEST),
    Mutation("delete without showing what goes", _CLI, "_show if yes", "(lambda plan: None) if yes", _TEST),
    Mutation("trust a receipt that is not verified", _RESULTS,
             '    if receipt.status != "success" or not receipt.is_proved:\n', "    if False:\n", _GATES),
    Mutation("trust a receipt whose content nobody compared", _RESULTS,
             "    if fate.mode not in _COMPARES_CONTENT:\n", "    if False:\n", f"{_P8}[sized]"),
    Mutation("forget the copies that a killed verification left", "daylily_ec/fsx/proof.py",
             "                    self.s3.delete(self.destination.bucket, item.key)\n", "                    pass\n",
             "tests/unit/fsx/test_left_copies.py"),
    Mutation("copy in many small parts", "daylily_ec/aws/s3.py",
             '_transfers("copy", **parts)', '_transfers("copy")', "tests/unit/aws/test_copies.py"),
    Mutation("trust a receipt whatever the directory lists now", _RESULTS,
             "    if receipt.attempt_listing != found.digest:\n", "    if False:\n", f"{_P8}[changed]"),
    Mutation("trust times that can be set back", _RESULTS,
             "    if found.latest_change >= datetime.fromisoformat(listed.header.made_at).timestamp():\n",
             "    if False:\n", f"{_P8}[changed in secret]"),
    Mutation("do not look whether S3 still holds it", _RESULTS,
             "        verify_export(services, replace(stored, packed=listed.packed), Mode.SIZES)\n", "        pass\n",
             f"{_P8}[removed]"),
    Mutation("trust the receipt of another file system", _RESULTS,
             " and receipt.fsx_file_system_id in evidence.file_system_ids", "", f"{_P8}[another]"),
    Mutation("pass over files outside of analysis directories", _LOOK,
             "        if not rest:\n            stray.add(top)\n", "        if not rest:\n            continue\n",
             f"{_P8}[not exportable]"),
    Mutation("take a damaged look for an empty root", _LOOK, '            raise ValueError("nothing came back")\n',
             "            return ()\n", "tests/unit/fsx/test_results.py"),
    Mutation("call a failed deletion a success", _DELETE,
             "    if is_ours(seen):\n        raise _failed(services, plan, seen, before)\n", "", _TEST),
    Mutation("take the heartbeat of a new cluster", _DELETE, "    if successor is None:\n", "    if True:\n",
             f"{_TEST}::test_another_stack_of_the_name_proves_that_this_one_is_gone_and_keeps_its_heartbeat"),
    Mutation("remove the heartbeat before the deletion is accepted", _DELETE,
             '        services.reporter.step(f"Deleting {plan.cluster_name}")\n',
             "        _stop_heartbeat(services, request.cluster)\n",
             f"{_TEST}::test_the_heartbeat_goes_only_with_the_stack"),
    Mutation("remove the heartbeat while the stack is there", _DELETE,
             "    successor = _wait_gone(services, plan, before)\n",
             "    _stop_heartbeat(services, request.cluster)\n    successor = _wait_gone(services, plan, before)\n",
             f"{_TEST}::test_the_heartbeat_goes_only_with_the_stack"),
    Mutation("close the record of another account", _DELETE,
             " if one[1].account_id == services.context.identity().account_id)", ")", _TEST),
    Mutation("leave the heartbeat of a cluster that is gone", _DELETE,
             "        warnings = _stop_heartbeat(services, request.cluster)\n", "        warnings = ()\n", _TEST),
    Mutation("take a refused deletion for an accepted one", _DELETE,
             "        if found is not None and found.status != DELETING:\n            raise\n", "", _TEST),
    Mutation("hide what could not be looked for", _LEFT,
             "    problems = tuple(answer for answer in answers if isinstance(answer, str))\n", "    problems = ()\n",
             f"{_TEST}::test_p9_everything_that_is_left_is_declared_with_its_price"),
    Mutation("call what has no price free", _LEFT, "(None if price.amount is None else price.amount * one.units)",
             "(price.amount or 0.0) * one.units", _TEST),
    Mutation("leave out what the tagging API names", _HELD,
             "not any(part in arn for part in _DESCRIBED)", "False", "tests/unit/aws/test_holdings.py"),
    Mutation("list what is gone already", _HELD, " if one.state not in _GONE.get(one.kind, ()))", ")",
             "tests/unit/aws/test_holdings.py"),
    Mutation("count the logs of a cluster whose name begins alike", _HELD,
             '.removeprefix(prefix).isdigit()', "", "tests/unit/aws/test_holdings.py"),
)  # fmt: skip
