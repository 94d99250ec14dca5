"""`AWS::CloudWatch::Alarm` and `AWS::CloudWatch::CompositeAlarm`, which moto lacks, backed by moto's own alarms."""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.models import Alarm as StoredAlarm
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.common_models import CloudFormationModel


class _AlarmResource:
    def __init__(self, stored: StoredAlarm) -> None:
        self.stored = stored

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr == "Arn"

    @property
    def physical_resource_id(self) -> str:
        """The alarm's name."""
        return self.stored.name

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """`Arn`, the only attribute."""
        return self.stored.alarm_arn

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **kwargs: Any
    ) -> _AlarmResource:
        properties = cloudformation_json["Properties"]
        name = properties.get("AlarmName", resource_name)
        backend = cloudwatch_backends[account_id][region_name]
        return cls(backend.put_metric_alarm(**_arguments(name, properties)))

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: _AlarmResource,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> _AlarmResource:
        return cls.create_from_cloudformation_json(
            original_resource.stored.name, cloudformation_json, account_id, region_name
        )

    def delete(self, account_id: str, region_name: str) -> None:
        """Remove the alarm."""
        cloudwatch_backends[account_id][region_name].delete_alarms([self.stored.name])


class MetricAlarm(_AlarmResource, CloudFormationModel):
    """An alarm on one metric."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::Alarm"


class CompositeAlarm(_AlarmResource, CloudFormationModel):
    """An alarm on a rule over other alarms."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::CompositeAlarm"


def _arguments(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    def whole(key: str) -> int | None:
        return int(properties[key]) if key in properties else None

    return {
        "name": name,
        "namespace": properties.get("Namespace"),
        "metric_name": properties.get("MetricName"),
        "comparison_operator": properties.get("ComparisonOperator"),
        "evaluation_periods": whole("EvaluationPeriods"),
        "datapoints_to_alarm": whole("DatapointsToAlarm"),
        "period": whole("Period"),
        "threshold": float(properties["Threshold"]) if "Threshold" in properties else None,
        "statistic": properties.get("Statistic"),
        "description": properties.get("AlarmDescription"),
        "dimensions": properties.get("Dimensions", []),
        "alarm_actions": properties.get("AlarmActions", []),
        "treat_missing_data": properties.get("TreatMissingData"),
        "rule": properties.get("AlarmRule"),
    }
