"""The cluster's configuration of one run: filled in from the template, priced, and kept with every answer beside it."""

from __future__ import annotations

from dataclasses import dataclass

from daylily_ec.artifacts.answers import final_config_text
from daylily_ec.artifacts.writer import ArtifactWriter
from daylily_ec.config.models import ClusterConfig
from daylily_ec.domain.zones import AvailabilityZone
from daylily_ec.plan.steps import Bindings
from daylily_ec.render.renderer import InitTemplate, Rendered, render_init
from daylily_ec.workflow.create_network import NODE_POLICY, PRIVATE_SUBNET, PUBLIC_SUBNET
from daylily_ec.workflow.create_steps import Claim
from daylily_ec.workflow.create_values import next_run_text, resolved_text, template_values
from daylily_ec.workflow.plan_create import Target, final_configuration
from daylily_ec.workflow.services import Services

_DISCOVERED = {
    "public_subnet_id": PUBLIC_SUBNET,
    "private_subnet_id": PRIVATE_SUBNET,
    "iam_policy_arn": NODE_POLICY,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A template (`source` is its path) and what fills it in; the bindings may still lack outputs of steps."""

    services: Services
    config: ClusterConfig
    zone: AvailabilityZone
    template: str
    source: str
    claim: Claim
    bindings: Bindings

    def init(self) -> InitTemplate:
        """The template with its tokens replaced; asks AWS nothing."""
        context = self.services.context
        values = template_values(self.config, self.zone, context.profile, context.identity(), self.bindings)
        return render_init(self.template, self.source, values, self.claim.tags, self.config.ssh_key_name)

    def write(self, writer: ArtifactWriter) -> tuple[Rendered, dict[str, str]]:
        """Price and keep the configuration; paths by the name that the run's record has for them."""
        init = self.init()
        rendered = final_configuration(self.services, Target(self.config, self.zone), init)
        found = {name: self.bindings.require(output) for name, output in _DISCOVERED.items()}
        writer.template_copy(self.template)
        paths = {
            "init_template_path": writer.init_template(init.text),
            "cluster_yaml_path": writer.cluster_yaml(rendered.text),
            "next_run_path": writer.next_run(next_run_text(self.config, found)),
            "resolved_cli_config_path": writer.resolved_cli(resolved_text(self.config, self.zone, found)),
        }
        writer.final_config(final_config_text(self.config, found))
        return rendered, {name: str(path) for name, path in paths.items()}
