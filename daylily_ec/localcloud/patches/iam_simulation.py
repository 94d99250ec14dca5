"""`iam:SimulatePrincipalPolicy` and `iam:SimulateCustomPolicy`, which moto lacks.

Identity policies (inline, attached, and those of a user's groups), explicit deny before allow, a permissions boundary
as upper limit, wildcards and conditions on the context entries of the request:
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.exceptions import InvalidInput, NotFoundException
from moto.iam.responses import IamResponse

from daylily_ec.localcloud.patches.patching import add

Document = Mapping[str, Any]
Context = Mapping[str, tuple[str, ...]]
ALLOWED, EXPLICIT, IMPLICIT = "allowed", "explicitDeny", "implicitDeny"


def install() -> None:
    """Add both actions to moto's IAM."""
    add(IamResponse, "simulate_principal_policy", _simulate_principal)
    add(IamResponse, "simulate_custom_policy", _simulate_custom)


def _simulate_principal(self: Any) -> ActionResult:
    documents, boundary = _policies_of(self.backend, self._get_param("PolicySourceArn"))
    return _answer(self, [*documents, *_parsed(self._get_param("PolicyInputList", []))], boundary)


def _simulate_custom(self: Any) -> ActionResult:
    boundary = _parsed(self._get_param("PermissionsBoundaryPolicyInputList", [])) or None
    return _answer(self, _parsed(self._get_param("PolicyInputList", [])), boundary)


def _answer(self: Any, documents: list[Document], boundary: list[Document] | None) -> ActionResult:
    entries = self._get_param("ContextEntries", [])
    context = {e["ContextKeyName"].lower(): tuple(e.get("ContextKeyValues", [])) for e in entries}
    rows = [
        _row(action, resource, documents, boundary, context)
        for action in self._get_param("ActionNames", [])
        for resource in self._get_param("ResourceArns", []) or ["*"]
    ]
    start, size = int(self._get_param("Marker") or 0), int(self._get_param("MaxItems") or 100)
    page: dict[str, Any] = {"EvaluationResults": rows[start : start + size], "IsTruncated": start + size < len(rows)}
    if page["IsTruncated"]:
        page["Marker"] = str(start + size)
    return ActionResult(page)


def _row(
    action: str, resource: str, documents: list[Document], boundary: list[Document] | None, context: Context
) -> dict[str, Any]:
    decision = decide(documents, action, resource, context)
    if boundary is not None and decision == ALLOWED:
        decision = decide(boundary, action, resource, context)
    return {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision,
        "MatchedStatements": [],
        "MissingContextValues": sorted(_missing(documents, context)),
    }


def decide(documents: Iterable[Document], action: str, resource: str, context: Context) -> str:
    """What policies say about an action on a resource: allowed, explicitDeny or implicitDeny."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _statements(document)
        if _applies(statement, action, resource, context)
    }
    if "Deny" in effects:
        return EXPLICIT
    return ALLOWED if "Allow" in effects else IMPLICIT


def _applies(statement: Document, action: str, resource: str, context: Context) -> bool:
    return (
        _element(statement, "Action", action, fold=True)
        and _element(statement, "Resource", resource, fold=False)
        and all(
            _condition(operator, key, _listed(values), context)
            for operator, tests in statement.get("Condition", {}).items()
            for key, values in tests.items()
        )
    )


def _element(statement: Document, name: str, value: str, *, fold: bool) -> bool:
    if f"Not{name}" in statement:
        return not _any_like(_listed(statement[f"Not{name}"]), value, fold=fold)
    # A simulation of "*" asks about any resource: a statement for some resources answers for those only.
    return name in statement and _any_like(_listed(statement[name]), value, fold=fold)


def _any_like(patterns: Iterable[str], value: str, *, fold: bool) -> bool:
    return any(_like(pattern.lower(), value.lower()) if fold else _like(pattern, value) for pattern in patterns)


def _like(pattern: str, value: str) -> bool:
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), value) is not None


def _equal_ignoring_case(pattern: str, value: str) -> bool:
    return pattern.lower() == value.lower()


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": str.__eq__,
    "StringEqualsIgnoreCase": _equal_ignoring_case,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": _equal_ignoring_case,
    "NumericEquals": lambda wanted, value: float(wanted) == float(value),
}


def _condition(operator: str, key: str, wanted: list[str], context: Context) -> bool:
    values = context.get(key.lower())
    plain = operator.rpartition(":")[2].removesuffix("IfExists")
    if plain == "Null":
        return (values is None) == (wanted[0].lower() == "true")
    negative = re.fullmatch(r"(String|Arn|Numeric)Not(.+)", plain)
    if values is None:
        return operator.endswith("IfExists") or negative is not None
    test = _OPERATORS.get(negative[1] + negative[2] if negative else plain)
    if test is None:
        return False
    met = any(test(pattern, value) for pattern in wanted for value in values)
    return not met if negative else met


def _missing(documents: Iterable[Document], context: Context) -> Iterator[str]:
    keys = {
        key
        for document in documents
        for statement in _statements(document)
        for tests in statement.get("Condition", {}).values()
        for key in tests
    }
    yield from (key for key in keys if key.lower() not in context)


def _statements(document: Document) -> list[Document]:
    statements = document.get("Statement", [])
    return statements if isinstance(statements, list) else [statements]


def _listed(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _parsed(texts: Iterable[Any]) -> list[Document]:
    return [json.loads(text) if isinstance(text, str) else text for text in texts]


def _policies_of(backend: Any, arn: str) -> tuple[list[Document], list[Document] | None]:
    found = re.fullmatch(r"arn:aws:iam::\d+:(user|role|group)/(?:.+/)?([^/]+)", arn or "")
    if found is None:
        raise InvalidInput(f"Invalid Entity Arn: {arn}")
    kind, name = found[1], found[2]
    try:
        entity = getattr(backend, f"get_{kind}")(name)
    except NotFoundException:
        raise NotFoundException(f"The entity with name {name} cannot be found.") from None
    entities = [entity]
    if kind == "user":
        entities.extend(backend.get_groups_for_user(name))
    documents = [document for one in entities for document in _documents(one)]
    return _parsed(documents), _boundary(backend, entity)


def _documents(entity: Any) -> Iterator[Any]:
    inline = getattr(entity, "policies", {})
    yield from (policy.policy_document if hasattr(policy, "policy_document") else policy for policy in inline.values())
    yield from map(_in_force, entity.managed_policies.values())


def _boundary(backend: Any, entity: Any) -> list[Document] | None:
    arn = getattr(entity, "permissions_boundary_arn", None) or getattr(entity, "permissions_boundary", None)
    if not arn:
        return None
    return _parsed([_in_force(backend.get_policy(arn if isinstance(arn, str) else arn["PermissionsBoundaryArn"]))])


def _in_force(policy: Any) -> Any:
    return next(version.document for version in policy.versions if version.version_id == policy.default_version_id)
