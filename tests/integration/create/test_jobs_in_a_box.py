"""Jobs on a head node that booted for real: the wrapper, Slurm's own sbatch behind it, and AWS Budgets."""

from __future__ import annotations

import pytest

from tests.integration.create.account import ZONE
from tests.integration.create.desk import Ended, Operator

pytestmark = pytest.mark.e2e
PROJECT = f"da-{ZONE}-jobs-here"
SUBMIT = "cd /fsx/scratch && sbatch --parsable -p i8 /opt/slurm/bin/sleep_test.sh 0"


def on_node(operator: Operator, command: str) -> Ended:
    words = ["headnode", "run", "--region", "us-west-2", "--cluster", "jobs-here", "--", "bash", "-lc", command]
    return operator.dyec(*words)


@pytest.mark.weakness("W-42")
def test_jobs_carry_their_project_and_an_empty_budget_stops_them(boxed: Operator) -> None:
    created = boxed.dyec(*boxed.command("jobs-here", enforce_budget="enforce"))
    assert created.code == 0, created.err

    facts = on_node(boxed, "cat /opt/slurm/etc/daylily-budget.env").out.split()
    assert set(facts) == {"region=us-west-2", "account=123456789012", f"project={PROJECT}", "enforce=enforce"}

    shown = on_node(boxed, f"export project={PROJECT}; job=$({SUBMIT}) && scontrol show job $job | grep Comment=")
    assert shown.code == 0, shown.err
    assert shown.out.split() == [f"Comment={PROJECT}"]
    log = on_node(boxed, "cat /fsx/logs/jobs/ubuntu.log").out
    assert f"budget {PROJECT}: " in log
    assert " of 200" in log

    spent = f"echo $(($(date +%s) - 120)) 201 200 > ~/.cache/daylily/budget/{PROJECT}"
    refused = on_node(boxed, f"{spent}; export project={PROJECT}; {SUBMIT}")
    assert refused.code != 0
    assert "201 of 200 USD spent, known for 2 min, and this cluster enforces budgets" in refused.err
    overridden = on_node(boxed, f"export project={PROJECT} DAYLILY_BUDGET_OVERRIDE=paper; {SUBMIT}")
    assert overridden.code == 0, overridden.err
    assert "OVERRIDDEN: paper" in on_node(boxed, "cat /fsx/logs/jobs/ubuntu.log").out
