"""Boot scripts, and what is reported when they fail."""

from __future__ import annotations

import time

import pytest

from daylily_ec.localcloud.seams import BootScript
from tests.integration.localcloud_nodes.conftest import Nodes, text

pytestmark = pytest.mark.e2e
URI = "s3://assets/boot/post_install.sh"


def test_a_boot_script_runs_as_root_with_its_arguments(nodes: Nodes) -> None:
    nodes.scripts.content[URI] = (
        '#!/bin/bash\nset -eu\necho "$(id -un) $HOME $# $2 $cfn_postinstall" | tee /opt/made\nsinfo --version\n'
    )
    spec = nodes.spec(boot=(BootScript(URI, ("us-west-2", "two words")),))
    result = nodes.boot(spec)
    assert (result.ok, result.exit_code) == (True, 0)
    assert f'root /root 2 two words "{URI}"' in nodes.lines
    assert text(nodes.run(spec.instance_id, "cat /opt/made")) == f'root /root 2 two words "{URI}"\n'
    assert "slurm" in "\n".join(nodes.lines)
    assert nodes.lines[-1] == "HeadNode setup complete"
    nodes.manager.terminate(spec.instance_id)


def test_a_failing_boot_script_is_reported_in_the_words_of_parallelcluster(nodes: Nodes) -> None:
    nodes.scripts.content[URI] = (
        "#!/bin/sh\nfor i in $(seq 60); do echo line $i; done\necho no space left >&2\nexit 7\n"
    )
    never = BootScript("s3://assets/never.sh")
    spec = nodes.spec(boot=(BootScript(URI), never))
    result = nodes.boot(spec)
    assert (result.ok, result.exit_code) == (False, 7)
    assert result.reason.startswith(
        "fetch_and_run - Failed to execute OnNodeConfigured script 1, return code: 7. Please check"
    )
    assert "s3://" not in result.reason
    assert (len(result.tail), result.tail[0], result.tail[-1]) == (50, "line 12", "no space left")
    named = f"Failed to execute OnNodeConfigured script 1 {URI}, return code: 7."
    assert any(named in line for line in nodes.lines)
    assert nodes.manager.is_online(spec.instance_id)
    assert named in text(nodes.run(spec.instance_id, "cat /var/log/cfn-init.log"))
    assert text(nodes.run(spec.instance_id, "cat /var/log/parallelcluster/bootstrap_error_msg")) == result.reason + "\n"
    nodes.manager.terminate(spec.instance_id)


def test_a_boot_script_that_is_not_there(nodes: Nodes) -> None:
    spec = nodes.spec(boot=(BootScript("s3://assets/absent.sh"),))
    result = nodes.boot(spec)
    assert result.reason.startswith(
        "fetch_and_run - Failed to download OnNodeConfigured script 1 using aws s3. Please check"
    )
    assert "404" in result.tail[0]
    nodes.manager.terminate(spec.instance_id)


def test_a_background_process_of_a_boot_script_does_not_hold_the_boot(nodes: Nodes) -> None:
    nodes.scripts.content[URI] = "#!/bin/sh\nsleep 600 &\necho left behind\n"
    spec = nodes.spec(boot=(BootScript(URI),))
    started = time.monotonic()
    assert nodes.boot(spec).ok
    assert time.monotonic() - started < 20
    assert "left behind" in nodes.lines
    nodes.manager.terminate(spec.instance_id)
