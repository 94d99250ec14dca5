"""Every wrong input gets one clear error, the documented exit code, one JSON document, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cloud import Cloud

pytestmark = pytest.mark.e2e

GOOD = {
    "cluster_name": "day-bad",
    "reference_s3_uri": "s3://bad-references/",
    "control_data_s3_uri": "s3://bad-control-data/",
    "stage_s3_uri": "s3://bad-staging/staged_external_data/",
    "export_destination_s3_uri": "s3://bad-results/derived/",
    "budget_email": "a@lab.org",
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("bad")).up()
    yield cloud
    cloud.down()


def configuration(cloud: Cloud, name: str = "cluster.yaml", **changes: str) -> str:
    rows = "".join(f"    {key}: [USESETVALUE, '', '{value}']\n" for key, value in {**GOOD, **changes}.items() if value)
    path = cloud.home / name
    path.write_text(f"ephemeral_cluster:\n  config:\n{rows}")
    return str(path)


CASES = [
    ("unknown profile", ["--profile", "nobody", "--region-az", "us-west-2d"], {}, 1, "unknown_profile", "nobody"),
    ("bad zone", ["--region-az", "us-west-2"], {}, 1, "invalid_value", "us-west-2"),
    ("no such zone", ["--region-az", "mars-central-1a"], {}, 1, None, "mars-central-1"),
    ("bad S3 URI", ["--region-az", "us-west-2d"], {"stage_s3_uri": "http://x/y"}, 1, None, "stage_s3_uri"),
    ("26 characters", ["--region-az", "us-west-2d"], {"cluster_name": "a" * 26}, 1, None, "a" * 26),
    ("missing key", ["--region-az", "us-west-2d"], {"reference_s3_uri": ""}, 1, "missing_input", "reference_s3_uri"),
]  # fmt: skip


@pytest.mark.parametrize("command", ["preflight", "create"])
@pytest.mark.parametrize(
    ("options", "changes", "code", "error", "word"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_wrong_input(
    cloud: Cloud, command: str, options: list[str], changes: dict[str, str], code: int, error: str | None, word: str
) -> None:
    path = configuration(cloud, **changes)
    cloud.forget()
    done = cloud.dyec("--json", command, "--config", path, *options)
    assert done.code == code, done.err
    document = done.document["error"]
    assert error in (None, document["code"])
    assert word in document["message"] + str(document["details"])
    assert document["hint"] or document["message"].count("\n") == 0
    assert "Traceback" not in done.err
    assert cloud.mutations() == []
    people = cloud.dyec(command, "--config", path, *options)
    assert people.code == code
    assert people.out == ""
    errors = [line for line in people.err.splitlines() if line.startswith("Error:")]
    assert len(errors) == 1
    assert "Traceback" not in people.err


@pytest.mark.parametrize("command", ["preflight", "create"])
def test_a_missing_configuration_file_is_named(cloud: Cloud, command: str) -> None:
    cloud.forget()
    done = cloud.dyec("--json", command, "--config", "nowhere.yaml", "--region-az", "us-west-2d")
    assert (done.code, "nowhere.yaml" in done.document["error"]["message"]) == (1, True)
    assert cloud.calls() == []


@pytest.mark.weakness("W-47")
@pytest.mark.parametrize("override", ["no-such-repository:main", "daylily-omics-analysis:--upload-pack=x"])
def test_a_repository_for_the_head_node_is_checked_before_any_call(cloud: Cloud, override: str) -> None:
    path = configuration(cloud)
    cloud.forget()
    done = cloud.dyec("--json", "create", "--config", path, "--region-az", "us-west-2d", "--repo-override", override)
    assert (done.code, done.document["error"]["code"]) == (1, "invalid_value")
    assert cloud.calls() == []


@pytest.mark.parametrize("command", ["preflight", "create"])
def test_no_credentials(cloud: Cloud, command: str) -> None:
    absent = str(cloud.home / "absent")
    env = {**cloud.env, "AWS_CONFIG_FILE": absent, "AWS_SHARED_CREDENTIALS_FILE": absent}
    env.pop("AWS_PROFILE")
    path = configuration(cloud)
    done = cloud.run("dyec", "--json", command, "--config", path, "--region-az", "us-west-2d", env=env)
    assert (done.code, done.document["error"]["code"]) == (2, "no_credentials")


def test_missing_keys_without_a_terminal_are_all_listed_before_any_call(cloud: Cloud) -> None:
    path = cloud.home / "empty.yaml"
    path.write_text("ephemeral_cluster:\n  config: {}\n")
    cloud.forget()
    done = cloud.dyec("--json", "create", "--config", str(path), "--region-az", "us-west-2d")
    assert done.code == 1
    assert {"reference_s3_uri", "control_data_s3_uri", "stage_s3_uri", "export_destination_s3_uri"} <= set(
        str(done.document["error"]).replace("'", " ").replace(",", " ").split()
    )
    assert cloud.calls() == []


OTHERS = [
    (["cluster", "describe", "--cluster", "no-such-cluster"], 1, "cluster_not_found"),
    (["headnode", "run", "--cluster", "no-such-cluster", "--", "true"], 1, "cluster_not_found"),
    (["delete", "--cluster", "no-such-cluster", "--yes"], 1, "cluster_not_found"),
    (["mounts", "create", "s3://bad/../x", "--cluster", "no-such-cluster"], 1, "invalid_value"),
    (["export", "--cluster", "no-such-cluster", "--source-path", "/fsx/run_dir_mounts/x", "--destination-s3-uri", "s3://b/x/",
      "--output-dir", "out"], 1, "invalid_value"),
    (["samples", "stage", "nowhere.tsv", "--reference-s3-uri", "s3://bad-references", "--control-data-s3-uri", "s3://bad-control",
      "--stage-s3-uri", "s3://bad-staging/x"], 1, None),
    (["workflow", "launch", "--cluster", "no-such-cluster", "--analysis-id", "../x", "--executing-entity", "e"], 1,
     "invalid_value"),
    (["workflow", "launch", "--cluster", "no-such-cluster", "--analysis-id", "x", "--executing-entity", "e",
      "--export-trigger", "all", "--export-destination-s3-uri", "s3://bad-results/e/x/"], 1, None),
    (["workflow", "status", "--cluster", "no-such-cluster", "--session", "x"], 1, "cluster_not_found"),
    (["headnode", "connect", "--dry-run", "--region", "nowhere", "--cluster", "no-such-cluster"], 1, "invalid_value"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "code", "error"), OTHERS, ids=[" ".join(case[0][:2]) + f" {n}" for n, case in enumerate(OTHERS)]
)
def test_other_commands_refuse_clearly(cloud: Cloud, argv: list[str], code: int, error: str | None) -> None:
    cloud.forget()
    done = cloud.dyec("--json", *argv)
    assert done.code == code, done.out + done.err
    assert error in (None, done.document["error"]["code"])
    assert "Traceback" not in done.err
    assert cloud.mutations() == []


def test_usage_errors_are_64(cloud: Cloud) -> None:
    done = cloud.dyec("--json", "create", "--no-such-flag")
    assert (done.code, done.document["error"]["code"]) == (64, "usage")


def test_nothing_was_written_beside_the_configuration(cloud: Cloud) -> None:
    written = [path.name for path in Path(cloud.env["XDG_CONFIG_HOME"], "daylily").glob("state_*")]
    assert written == []
