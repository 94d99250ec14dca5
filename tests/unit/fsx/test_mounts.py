from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daylily_ec.aws.fsx import Association, AssociationSpec
from daylily_ec.domain.fsxpath import FsxPath
from daylily_ec.domain.outcomes import Outcome
from daylily_ec.domain.s3uri import S3Prefix
from daylily_ec.errors import AwsError, DeadlinePassed, Refused
from daylily_ec.fsx.mounts import (
    covers,
    detach,
    ensure_association,
    find_conflict,
    plan_associations,
    request_token,
)
from daylily_ec.fsx.turns import turn
from daylily_ec.util.progress import Silent
from tests.conftest import FakeClock
from tests.unit.fsx.fakes import FS, FakeFsx, FakeS3, Faults, Faulty, Killed, Tree


@pytest.fixture
def fsx() -> FakeFsx:
    return FakeFsx(FakeS3(), Tree())


def spec(path: str = "/run_dir_mounts/RUN1/", source: str = "s3://runs/RUN1/", **more: object) -> AssociationSpec:
    return AssociationSpec(FS, FsxPath.parse(path), S3Prefix.parse(source), **more)  # type: ignore[arg-type]


def ensure(fsx: FakeFsx, clock: FakeClock, wanted: AssociationSpec, deadline: float = 900) -> tuple[str, Outcome]:
    association, outcome = ensure_association(fsx, clock, Silent(), wanted, deadline=deadline)
    return association.id, outcome


def test_a_new_association_is_created_with_its_tags_and_waited_for(fsx: FakeFsx, clock: FakeClock) -> None:
    found, outcome = ensure_association(fsx, clock, Silent(), spec(tags={"lsmc:purpose": "run-dir-mount"}))
    assert outcome is Outcome.CREATED
    assert found.lifecycle.is_usable
    assert fsx.created[0].tags == {"lsmc:purpose": "run-dir-mount"}


@pytest.mark.weakness("M5")
def test_an_equal_association_is_adopted_not_doubled(fsx: FakeFsx, clock: FakeClock) -> None:
    first, _ = ensure(fsx, clock, spec())
    assert ensure(fsx, clock, spec()) == (first, Outcome.ADOPTED)
    assert len(fsx.created) == 1


def test_killed_at_any_call_the_repetition_finds_its_own_association(clock: FakeClock) -> None:
    counting = Faults()
    ensure_association(Faulty(FakeFsx(FakeS3(), Tree()), counting), clock, Silent(), spec())
    for at in range(1, len(counting.names) + 1):
        for after in (False, True):
            fsx = FakeFsx(FakeS3(), Tree())
            with pytest.raises(Killed):
                ensure_association(Faulty(fsx, Faults(at, after=after)), clock, Silent(), spec())
            ensure(fsx, clock, spec())
            assert len(fsx.links) == len(fsx.created) == 1


@pytest.mark.weakness("M9")
def test_misconfigured_is_waited_for_with_its_reason(fsx: FakeFsx, clock: FakeClock) -> None:
    fsx.creating = ["CREATING", "MISCONFIGURED:no access to the bucket", "AVAILABLE"]
    assert ensure(fsx, clock, spec())[1] is Outcome.CREATED
    fsx = FakeFsx(FakeS3(), Tree())
    fsx.creating = ["MISCONFIGURED:no access to the bucket"]
    with pytest.raises(DeadlinePassed, match=r"MISCONFIGURED \(no access to the bucket\)"):
        ensure(fsx, clock, spec(), deadline=60)


def test_failed_ends_the_wait_at_once_with_its_reason(fsx: FakeFsx, clock: FakeClock) -> None:
    fsx.creating = ["FAILED:bucket is gone"]
    with pytest.raises(AwsError, match="bucket is gone"):
        ensure(fsx, clock, spec())
    assert clock.time < 60
    with pytest.raises(Refused, match="is FAILED: bucket is gone"):
        ensure(fsx, clock, spec())


def test_an_association_on_its_way_out_is_awaited(fsx: FakeFsx, clock: FakeClock) -> None:
    fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", "DELETING")
    assert ensure(fsx, clock, spec())[1] is Outcome.CREATED


def test_an_equal_one_that_is_leaving_for_long_is_not_adopted(clock: FakeClock) -> None:
    class Slow(FakeFsx):
        looks = 4

        def associations(self, file_system_id: str) -> tuple[Association, ...]:
            self.looks -= 1
            return super().associations(file_system_id) if self.looks <= 0 else tuple(self.links.values())

    fsx = Slow(FakeS3(), Tree())
    fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", "DELETING")
    assert ensure(fsx, clock, spec())[1] is Outcome.CREATED
    assert (len(fsx.created), fsx.looks) == (1, 0)


def test_processes_take_turns_and_say_so_when_it_takes_too_long(fsx: FakeFsx, clock: FakeClock) -> None:
    with turn(clock, Silent(), FS, 1.0), pytest.raises(DeadlinePassed, match="another process of yours"):
        ensure(fsx, clock, spec(), deadline=30)
    assert fsx.created == []
    assert ensure(fsx, clock, spec())[1] is Outcome.CREATED


def test_a_stale_answer_to_the_token_does_not_count(fsx: FakeFsx, clock: FakeClock) -> None:
    first, _ = ensure(fsx, clock, spec())
    detach(fsx, clock, Silent(), first)
    second, outcome = ensure(fsx, clock, spec())
    assert outcome is Outcome.CREATED
    assert second != first
    assert list(fsx.links) == [second]


def test_asking_again_names_the_same_token(clock: FakeClock) -> None:
    tokens = []

    class Refusing(FakeFsx):
        def create_association(self, spec: AssociationSpec, token: str) -> Association:
            tokens.append(token)
            raise AwsError("lost", details={"aws_code": "InternalServerError"})

    for _ in range(2):
        with pytest.raises(AwsError, match="lost"):
            ensure(Refusing(FakeS3(), Tree()), clock, spec())
    with pytest.raises(AwsError, match="lost"):
        ensure(Refusing(FakeS3(), Tree()), clock, spec(tags={"dyec:mount-run-id": "R-8"}))
    assert len(tokens) == 3
    assert len(set(tokens)) == 2


def test_a_race_that_another_prefix_won_is_explained(clock: FakeClock) -> None:
    class Racing(FakeFsx):
        def create_association(self, spec: AssociationSpec, token: str) -> Association:
            self.add(spec.path.value, "s3://somebody/else/")
            return super().create_association(spec, token)

    with pytest.raises(Refused, match=r"already links .* with s3://somebody/else/"):
        ensure(Racing(FakeS3(), Tree()), clock, spec())


def test_another_operator_was_quicker_and_is_adopted(fsx: FakeFsx, clock: FakeClock) -> None:
    class Racing(FakeFsx):
        def create_association(self, spec: AssociationSpec, token: str) -> object:  # type: ignore[override]
            self.add(spec.path.value, str(spec.source))
            return super().create_association(spec, token)

    assert ensure(Racing(FakeS3(), Tree()), clock, spec())[1] is Outcome.ADOPTED


@pytest.mark.parametrize(
    ("path", "source", "why"),
    [
        ("/run_dir_mounts/RUN1/sub/", "s3://other/x/", "already links"),
        ("/run_dir_mounts/", "s3://other/x/", "already links"),
        ("/run_dir_mounts/RUN2/", "s3://runs/RUN1/sub/", "already shows"),
        ("/run_dir_mounts/RUN2/", "s3://runs/", "already shows"),
        ("/run_dir_mounts/RUN1/", "s3://other/x/", "already links"),
    ],
)
def test_overlaps_are_explained(fsx: FakeFsx, path: str, source: str, why: str) -> None:
    fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/")
    conflict = find_conflict(spec(path, source), fsx.associations(FS))
    assert conflict is not None
    assert why in conflict.reason


def test_neighbours_with_a_common_beginning_do_not_overlap(fsx: FakeFsx) -> None:
    fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/")
    assert find_conflict(spec("/run_dir_mounts/RUN10/", "s3://runs/RUN10/"), fsx.associations(FS)) is None


def test_other_events_on_the_same_places_are_a_conflict(fsx: FakeFsx, clock: FakeClock) -> None:
    fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", auto_export=("NEW",))
    with pytest.raises(Refused, match="exports NEW"):
        ensure(fsx, clock, spec())


@pytest.mark.weakness("M5")
def test_failed_associations_count_towards_the_eight(fsx: FakeFsx) -> None:
    for number in range(8):
        fsx.add(f"/m/{number}/", f"s3://bucket{number}/", "FAILED" if number == 3 else "AVAILABLE")
    conflict = find_conflict(spec(), fsx.associations(FS))
    assert conflict is not None
    assert "all 8" in conflict.reason
    assert "Delete the FAILED" in conflict.hint


@pytest.mark.parametrize(
    ("path", "ends"),
    [("/run_dir_mounts/RUN1/sub/", ": dyec mounts delete --fsx-file-system-id {fs} --association-id {id}"),
     ("/analysis_results/ubuntu/a1/", ": dyec exports detach --association-id {id}"),
     ("/references/", "Use /fsx/references.")],
)  # fmt: skip
def test_what_is_in_the_way_is_detached_by_a_command_that_works_or_by_none(fsx: FakeFsx, path: str, ends: str) -> None:
    there = fsx.add(path, "s3://runs/RUN1/")
    conflict = find_conflict(spec("/elsewhere/", "s3://runs/RUN1/"), (there,))
    assert conflict is not None
    assert conflict.hint.endswith(ends.format(fs=there.file_system_id, id=there.id))


def test_no_command_detaches_what_is_still_to_be_made(fsx: FakeFsx) -> None:
    with pytest.raises(Refused, match=r"\(to be made 1\)") as error:
        plan_associations([spec(), spec("/run_dir_mounts/RUN1/sub/", "s3://other/RUN1/")], ())
    assert error.value.hint == "Choose another path."


def test_detaching_what_is_gone_succeeds(fsx: FakeFsx, clock: FakeClock) -> None:
    detach(fsx, clock, Silent(), "dra-00000000000000000")


def test_a_detachment_that_fails_is_not_waited_for_forever(clock: FakeClock) -> None:
    class Stuck(FakeFsx):
        def delete_association(self, association_id: str) -> None:
            self._pending[association_id] = ["FAILED:still in use"]

    fsx = Stuck(FakeS3(), Tree())
    link = fsx.add("/m/", "s3://bucket1/")
    with pytest.raises(AwsError, match="still in use"):
        detach(fsx, clock, Silent(), link.id)


@given(st.lists(st.text(max_size=20), max_size=5), st.lists(st.text(max_size=20), max_size=5))
def test_tokens_fit_the_api_and_tell_parts_apart(one: list[str], two: list[str]) -> None:
    token = request_token(*one)
    assert len(token) <= 63
    assert all(char.isalnum() or char in "_.-" for char in token)
    assert (token == request_token(*two)) == (one == two)


@pytest.mark.parametrize(
    ("path", "source", "shown"),
    [
        ("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", True), ("/run_dir_mounts/", "s3://runs/", True),
        ("/run_dir_mounts/", "s3://other/", False), ("/run_dir_mounts/RUN1/", "s3://runs/RUN2/", False),
        ("/run_dir_mounts/RUN1/sub/", "s3://runs/RUN1/sub/", False),
        ("/run_dir_mounts/RUN10/", "s3://runs/RUN1/", False),
    ],
)  # fmt: skip
def test_an_association_covers_what_it_shows_at_itself_or_above(
    fsx: FakeFsx, path: str, source: str, shown: bool
) -> None:
    wanted = spec()
    assert covers(fsx.add(path, source), wanted.path, wanted.source) is shown
    for lifecycle in ("FAILED", "DELETING"):
        assert not covers(fsx.add(path, source, lifecycle), wanted.path, wanted.source)


@pytest.mark.weakness("M2")
def test_a_plan_takes_what_is_there_and_refuses_what_cannot_be(fsx: FakeFsx) -> None:
    there = fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", auto_import=("NEW",))
    wanted = [spec(auto_import=("NEW", "CHANGED")), spec("/run_dir_mounts/RUN2/", "s3://runs/RUN2/")]
    planned = plan_associations(wanted, fsx.associations(FS))
    assert [one.found for one in planned] == [there, None]
    for clash in (
        spec("/run_dir_mounts/RUN3/", "s3://runs/RUN2/sub/"),
        spec("/run_dir_mounts/RUN2/x/", "s3://runs/X/"),
    ):
        with pytest.raises(Refused, match="to be made"):
            plan_associations([*wanted, clash], fsx.associations(FS))
    assert fsx.created == []


def test_a_plan_waits_for_what_is_leaving_but_counts_its_slot(fsx: FakeFsx) -> None:
    leaving = fsx.add("/run_dir_mounts/RUN1/", "s3://runs/RUN1/", "DELETING")
    (planned,) = plan_associations([spec()], (leaving,))
    assert planned.found is None
    full = tuple(fsx.add(f"/x{n}/", f"s3://x{n}x/", "DELETING") for n in range(8))
    with pytest.raises(Refused, match="all 8 association slots"):
        plan_associations([spec()], full)
