"""Mutations of the export and its proof: each takes one safeguard away, and names a test that must notice."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_RUN = "daylily_ec/workflow/export_run.py"
_EXPORT = "daylily_ec/workflow/export_analysis.py"
_LOOKUP = "daylily_ec/workflow/export_lookup.py"
_PARTS = "daylily_ec/workflow/export_parts.py"
_AGAIN = "daylily_ec/workflow/verify_export.py"
_TASKS = "daylily_ec/fsx/exports.py"
_JUDGE = "daylily_ec/fsx/verification.py"
_PROOF = "daylily_ec/fsx/proof.py"
_RECEIPTS = "daylily_ec/fsx/receipts.py"
_S3 = "daylily_ec/aws/s3.py"
_HEADS = "daylily_ec/aws/heads.py"
_TEST = "tests/unit/export/test_export.py"
_ENDS = "tests/unit/export/test_outcomes.py"
_VERIFY = "tests/unit/export/test_verify.py"
_BY_PARTS = "tests/unit/export/test_parts.py"
_FACTS = "tests/unit/aws/test_object_facts.py"
_SUMS = "tests/integration/localcloud_aws/test_object_checksums.py"

MUTATIONS = (
    Mutation("accept a composite checksum", _S3, 'answer.get("ChecksumType") == "FULL_OBJECT"', "True", _FACTS),
    Mutation(
        "let a checksum of parts pass the short way",
        _S3,
        '        "ChecksumType": headers.get("x-amz-checksum-type"),\n',
        '        "ChecksumType": "FULL_OBJECT",\n',
        _FACTS,
    ),
    Mutation(
        "take any answer of the short way",
        _HEADS,
        "        if answer.status != http.client.OK:\n",
        "        if False:\n",
        _SUMS,
    ),
    Mutation(
        "trust SUCCEEDED",
        _RUN,
        "        if not found.is_equal:\n            raise differs(found, self.book.receipt)\n",
        "",
        f"{_TEST}::test_success_of_the_task_alone_proves_nothing",
    ),
    Mutation(
        "trust a task that left files out",
        _TASKS,
        "    if task.lifecycle.is_success and task.failed == 0:\n        return\n",
        "    if task.lifecycle.is_success:\n        return\n",
        f"{_ENDS}::test_p11_an_export_counts_only_when_everything_is_proved",
    ),
    Mutation("ignore extra keys", _JUDGE, 'mismatches.append(Mismatch("extra", key, found=item.size))', "pass", _ENDS),
    Mutation(
        "ignore missing keys",
        _JUDGE,
        '    mismatches += [Mismatch("missing", key, record.size) for key, record in expected.items()]\n',
        "",
        _ENDS,
    ),
    Mutation("ignore sizes in the listing", _JUDGE, "        elif record.size != item.size:\n", "        elif False:\n",
             "tests/unit/fsx/test_verification.py"),
    Mutation("let the second of two first exports overwrite the receipt", _RUN,
             "if first and not self.book.claim(s3, self.destination):", "if False:",
             f"{_ENDS}::test_of_two_first_exports_the_slower_goes_on_with_the_quicker_one_s"),
    Mutation("announce an attempt that somebody else announced", _RUN,
             "if beside is not None and self.is_announced(beside, attempt, digest):", "if False:",
             f"{_ENDS}::test_an_attempt_that_somebody_else_announced_meanwhile_is_gone_on_with"),
    Mutation(
        "compare no content",
        _PROOF,
        "[] if mode is Mode.SIZES else",
        "[] if True else",
        f"{_VERIFY}::test_other_bytes_of_the_same_size_are_found_where_content_is_compared",
    ),
    Mutation("ignore an object that went away", _JUDGE,
             '    if digest is None:\n        return Mismatch("missing", record.key, record.size)\n',
             "    if digest is None:\n        return None\n", "tests/unit/fsx/test_verification.py"),
    Mutation("do not look at SHA-256 when S3 has it", _JUDGE, "(facts.sha256, sha256)", "(facts.sha256, facts.sha256)",
             "tests/unit/fsx/test_verification.py"),
    Mutation(
        "take an object without a checksum for proved",
        _PROOF,
        "facts is None or facts.size != record.size or is_told(facts)",
        "True",
        f"{_VERIFY}::test_s3_makes_the_checksum_that_it_does_not_have",
    ),
    Mutation(
        "leave the copies that S3 made",
        _PROOF,
        "            self.s3.delete(bucket, copy)\n",
        "",
        f"{_VERIFY}::test_s3_makes_the_checksum_that_it_does_not_have",
    ),
    Mutation(
        "detach on timeout",
        _EXPORT,
        "        if goes_on and isinstance(error, DeadlinePassed):\n",
        "        ExportRun(services, request, book).detach(book.receipt.association_id)\n        if goes_on:\n",
        f"{_TEST}::test_a_timeout_never_detaches_and_the_repetition_adopts_the_task",
    ),
    Mutation(
        "call a timeout an error",
        _EXPORT,
        "ReceiptStatus.STARTED if goes_on else ReceiptStatus.ERROR",
        "ReceiptStatus.ERROR",
        f"{_TEST}::test_a_timeout_never_detaches_and_the_repetition_adopts_the_task",
    ),
    Mutation(
        "take a prefix with other data",
        _RUN,
        "    if not is_written and not any(one.attempts for one in ours):\n",
        "    if False:\n",
        f"{_TEST}::test_a_destination_with_other_data_is_refused_and_left_alone",
    ),
    Mutation(
        "take anybody's receipt for ours",
        _RUN,
        "if one is not None and one.describes(receipt)]",
        "if one is not None]",
        f"{_TEST}::test_the_receipt_of_another_file_system_proves_nothing",
    ),
    Mutation(
        "prove a directory that changed meanwhile",
        _RUN,
        "        if now.digest != self.book.receipt.attempt_listing:\n",
        "        if False:\n",
        f"{_TEST}::test_a_file_written_during_the_export_spoils_the_proof",
    ),
    Mutation(
        "call an export unchanged without looking",
        _RUN,
        "        return self.record(manifest).is_equal\n",
        "        return True\n",
        f"{_VERIFY}::test_a_later_export_finds_what_was_damaged_since",
    ),
    Mutation(
        "call an export unchanged whatever the directory holds",
        _RUN,
        "if not earlier.is_proved or earlier.attempt_listing != listing(manifest).digest:",
        "if not earlier.is_proved:",
        f"{_TEST}::test_a_file_that_was_touched_is_exported_again",
    ),
    Mutation(
        "start a second task beside one that runs",
        _TASKS,
        "    if running:\n        return running[-1]\n",
        "",
        f"{_TEST}::test_a_running_task_is_awaited_even_when_every_receipt_is_lost",
    ),
    Mutation(
        "name another report each time",
        _TASKS,
        "timedelta(seconds=attempt - 1)",
        "timedelta(seconds=attempt)",
        f"{_TEST}::test_the_first_report_is_named_by_the_moment_of_the_start",
    ),
    Mutation("do not queue for a slot", _TASKS, "    return not mine and len", "    return False and len",
             f"{_ENDS}::test_an_export_waits_for_a_slot_that_another_export_holds"),
    Mutation("queue behind mounts", _TASKS, " and any(map(is_export, existing))\n", "\n",
             f"{_ENDS}::test_mounts_in_all_slots_are_not_waited_for"),
    Mutation(
        "detach under a running task", _LOOKUP, "    if running:\n", "    if False:\n",
        f"{_BY_PARTS}::test_a_wait_that_takes_too_long_detaches_nothing",
    ),
    Mutation("detach mounts", _LOOKUP, "    if not exports.is_export(link):\n", "    if False:\n",
             f"{_BY_PARTS}::test_detach_takes_exports_only"),
    Mutation(
        "finish what nobody started", _LOOKUP, "    if link is None and not tasks:\n", "    if False:\n",
        f"{_BY_PARTS}::test_finish_without_an_export_starts_none",
    ),
    Mutation(
        "run without an attachment", _PARTS, "    if until is Phase.RUN:\n", "    if False:\n",
        f"{_BY_PARTS}::test_run_wants_an_attachment_of_just_this",
    ),
    Mutation("act on the cluster's file system although another one was named", _PARTS,
             ", file_system_id=request.target.file_system_id)", ")",
             f"{_BY_PARTS}::test_no_part_acts_on_another_file_system_than_the_one_that_was_named"),
    Mutation("call an export good that would refuse the file system", _PARTS,
             "check_place(services, view, request.target.file_system_id)", "check_place(services, view, None)",
             f"{_BY_PARTS}::test_no_part_acts_on_another_file_system_than_the_one_that_was_named"),
    Mutation(
        "end a failed task with success",
        _PARTS,
        "    exports.require_success(task)\n",
        "",
        f"{_BY_PARTS}::test_a_task_that_did_not_succeed_fails_the_command_that_waits",
    ),
    Mutation("verify by a receipt that contradicts itself", _AGAIN, "    if problems:\n", "    if False:\n", _VERIFY),
    Mutation(
        "verify by any manifest", "daylily_ec/fsx/manifest.py", "        if sha256 and digest != sha256:\n",
        "        if False:\n", f"{_VERIFY}::test_another_manifest_of_the_same_content_is_not_the_receipt_s",
    ),
    Mutation(
        "end well although S3 differs", _AGAIN, "    if not found.is_equal:\n", "    if False:\n",
        f"{_VERIFY}::test_other_bytes_of_the_same_size_are_found_where_content_is_compared",
    ),
    Mutation("compare an unchanged export in the mode that was asked for", _RUN,
             "return self.request.verify.at_least(Mode.parse(str(before))) if before else self.request.verify",
             "return self.request.verify", f"{_VERIFY}::test_an_unchanged_export_is_compared_as_thoroughly_as_before"),
    Mutation("forget with a new attempt how S3 was compared", _RUN,
             'verification={"mode": before} if before and receipt.attempt_listing == digest else {}',
             "verification={}", f"{_VERIFY}::test_sizes_never_replace_a_proof_of_content"),
    Mutation("compare a directory that changed as it was compared before", _RUN,
             "if before and receipt.attempt_listing == digest else {}", "if before else {}",
             f"{_VERIFY}::test_a_directory_that_changed_is_compared_as_it_is_asked_for_now"),
    Mutation("call sizes stronger than content", _JUDGE, "(Mode.SIZES, Mode.CHECKSUM, Mode.FULL)",
             "(Mode.CHECKSUM, Mode.FULL, Mode.SIZES)", _VERIFY),
    Mutation("verify by sizes because the receipt says so", _AGAIN, ".at_least(Mode.CHECKSUM)", "",
             f"{_VERIFY}::test_a_word_in_the_receipt_does_not_keep_content_from_being_compared"),
    Mutation("take a destination that another export claims", _RUN,
             "    if beside is not None and beside not in ours:\n", "    if False:\n",
             f"{_ENDS}::test_a_destination_that_another_cluster_s_export_has_claimed_is_left_to_it"),
    Mutation("do not look again before the first attempt", _RUN,
             "        self.require_ours(beside, is_written=previous is not None)\n", "",
             f"{_ENDS}::test_data_that_arrived_after_the_claim_is_not_written_over"),
    Mutation("announce over whatever receipt is there", _RECEIPTS,
             "if not (s3.put_if_match(*where, body, etag) if etag else s3.put_if_absent(*where, body)):\n",
             "if s3.put(*where, body):\n",
             f"{_ENDS}::test_a_receipt_replaced_at_the_very_moment_of_the_announcement_is_not_written_over"),
    Mutation("give up a slot that another export took", _TASKS,
             'return error.code == "no_free_slot" if isinstance(error, Refused) else aws_code(error) in _NO_SLOT',
             "return not isinstance(error, Refused) and aws_code(error) in _NO_SLOT",
             f"{_ENDS}::test_an_export_that_loses_the_last_free_slot_goes_on_waiting"),
    Mutation("an S3 without checksums breaks the order of the end", _JUDGE,
             "raise ExportFailed(f", "raise InvalidValue(f",
             f"{_VERIFY}::test_an_s3_that_tells_no_checksum_at_all_ends_the_export_in_order"),
    Mutation("keep an association that no repetition gets past", _TASKS,
             "return ours and association.lifecycle.is_failed", "return False",
             f"{_ENDS}::test_a_failed_association_of_an_earlier_run_is_removed_and_made_anew"),
    Mutation("remove associations that somebody else made", _TASKS,
             "is_export(association) and _RUN_TAG in association.tags and same_link(", "same_link(",
             f"{_TEST}::test_a_failed_association_is_explained"),
    Mutation("call an export over because its wait is", _EXPORT,
             "goes_on = book.receipt.has_open_task and", "goes_on = isinstance(error, DeadlinePassed) and",
             f"{_ENDS}::test_what_ends_the_wait_but_not_the_task_is_no_end_of_the_export"),
    Mutation("end the wait when its progress cannot be listed", "daylily_ec/fsx/arrived.py",
             "        except AwsError as error:\n", "        except Throttled as error:\n",
             "tests/unit/fsx/test_arrived.py"),
    Mutation("compare suffixes of a destination", _TASKS,
             "    if not destination.ends_with(str(analysis.entity), str(analysis.analysis_id)):\n",
             '    if not destination.key.endswith(f"{analysis}/"):\n',
             f"{_TEST}::test_the_destination_must_end_in_whole_components"),
)  # fmt: skip
