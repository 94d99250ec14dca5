"""CloudFormation as an engine: ordered, asynchronous, with events, failure, rollback and deletion.

moto creates everything inside the CreateStack call, in dictionary order, without resource events or rollback, lets read
calls create resources, and lacks some twenty resource types.  Here the order is the dependency order, deletion is its
reverse, and every stack has its own worker thread.
"""

from __future__ import annotations

from daylily_ec.localcloud.patches.cloudformation import (
    alarms,
    custom,
    engine,
    fsx,
    generic,
    hosted_zone,
    instance,
    nested,
    network,
    parsing,
    responses,
    security_group_rules,
    stacks,
    update,
    waiting,
)

MODEL_MODULES = (waiting, alarms, fsx, security_group_rules)
"""Imported for their classes: moto finds CloudFormation models by looking for subclasses."""


def install() -> None:
    """Extend moto's CloudFormation."""
    parsing.install()
    generic.install()
    custom.install()
    nested.install()
    instance.install()
    hosted_zone.install()
    security_group_rules.install()
    network.install()
    stacks.install()
    engine.install()
    update.install()
    responses.install()
