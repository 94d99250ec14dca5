"""Extensions of moto, one module per area; each says what moto lacks and can be deleted when moto has it."""

from __future__ import annotations

from daylily_ec.localcloud.patches import (
    block_devices,
    bucket_policy,
    budgets,
    cloudformation,
    iam_simulation,
    launch_template_runs,
    network_interfaces,
    object_checksums,
    official_amis,
    placement_scores,
    price_list,
    requester_pays,
    scheduler,
    service_quotas,
    sns,
    spot_prices,
)


def install_all() -> None:
    """Extend moto in this process; call once, after the runtime is set and before the first request."""
    official_amis.install()
    block_devices.install()
    bucket_policy.install()
    requester_pays.install()
    object_checksums.install()
    launch_template_runs.install()
    network_interfaces.install()
    service_quotas.install()
    spot_prices.install()
    placement_scores.install()
    price_list.install()
    iam_simulation.install()
    budgets.install()
    sns.install()
    scheduler.install()
    cloudformation.install()
