"""The table of projects: never lost, never doubled, written only on condition."""

from __future__ import annotations

import pytest

from daylily_ec.errors import AccessDenied, AwsError, CorruptFile
from daylily_ec.plan.steps import Action, Bindings
from daylily_ec.util.clock import Clock
from daylily_ec.workflow.ensure_projects import Project, ProjectsStep, merged, projects_of, row
from tests.unit.ensure.fakes import OneObject
from tests.unit.workflow_create.fakes import ZONE, config

OURS = "da-us-west-2d-majors\tubuntu,ann\n"
GLOBAL = "daylily-global\tubuntu\n"


def step(store: OneObject, clock: Clock, **values: str) -> ProjectsStep:
    settings = config(allowed_budget_users="ann,ubuntu,ann", **values)
    return ProjectsStep(store, settings.reference_s3_uri, projects_of(settings, ZONE), clock)


def run(one: ProjectsStep) -> Action:
    observed = one.observe(Bindings())
    if not one.is_done(observed):
        one.apply(Bindings(), observed)
    return observed.action


def test_a_row_names_each_user_once_and_ubuntu_first() -> None:
    assert row("p", ("ann", "ubuntu", "bob", "ann")) == "p\tubuntu,ann,bob"


@pytest.mark.weakness("W-25")
def test_the_global_users_get_a_row_that_only_grows(clock: Clock) -> None:
    store = OneObject("daylily-global\tubuntu,eve\n")
    run(step(store, clock, global_allowed_budget_users="bob"))
    assert store.text == "daylily-global\tubuntu,eve,bob\n" + OURS


@pytest.mark.weakness("W-16")
def test_it_is_made_under_the_reference_prefix(clock: Clock) -> None:
    store = OneObject()
    one = step(store, clock, reference_s3_uri="s3://ref/bundle/v1")
    assert run(one) is Action.CREATE
    assert store.text == GLOBAL + OURS
    assert store.key == "ref/bundle/v1/runtime_assets/budget_tags/pcluster-project-budget-tags.tsv"
    assert run(one) is Action.UNCHANGED
    assert store.version == 1


@pytest.mark.weakness("W-16")
@pytest.mark.parametrize(
    "error", [AwsError("500"), AccessDenied("no"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")]
)
def test_a_table_that_cannot_be_read_is_never_replaced(clock: Clock, error: Exception) -> None:
    store = OneObject("precious\tubuntu\n")
    observed = step(store, clock).observe(Bindings())
    store.read_error = error
    with pytest.raises((AwsError, CorruptFile)):
        step(store, clock).apply(Bindings(), observed)
    assert (store.text, store.version) == ("precious\tubuntu\n", 0)


@pytest.mark.weakness("W-16")
@pytest.mark.parametrize("existing", [None, "other\tubuntu\n"])
def test_whoever_loses_the_race_keeps_the_winner_s_row(clock: Clock, existing: str | None) -> None:
    store = OneObject(existing)

    def somebody_is_faster(one: OneObject) -> None:
        one.before_write = lambda quiet: None
        one.replace((one.text or "") + "da-us-west-2d-bravo\tubuntu\n")

    store.before_write = somebody_is_faster
    run(step(store, clock))
    assert store.text == (existing or "") + "da-us-west-2d-bravo\tubuntu\n" + GLOBAL + OURS


def test_a_table_that_always_changes_is_an_error(clock: Clock) -> None:
    store = OneObject("other\tubuntu\n")
    store.before_write = lambda one: one.replace(f"{one.text}x{one.version}\tubuntu\n")
    with pytest.raises(AwsError, match="kept changing"):
        run(step(store, clock))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "p\tubuntu,ann\n"),
        ("other\tubuntu", "other\tubuntu\np\tubuntu,ann\n"),
        ("p\tubuntu\nother\tx\np\tbob\n", "p\tubuntu,ann\nother\tx\n"),
        ("# by hand\r\n\nother\tx\r\n", "# by hand\r\n\nother\tx\r\np\tubuntu,ann\n"),
        ("pp\tubuntu\n", "pp\tubuntu\np\tubuntu,ann\n"),
    ],
)
def test_other_lines_stay_and_ours_is_there_once(text: str, wanted: str) -> None:
    project = Project("p", ("ann",))
    assert merged(text, (project,)) == wanted
    assert merged(wanted, (project,)) == wanted
