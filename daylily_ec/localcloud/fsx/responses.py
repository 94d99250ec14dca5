"""The HTTP side: moto's FSx answers are replaced, since moto has no life cycles, associations or tasks.

moto's backups stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.fsx.responses import FSxResponse

from daylily_ec.localcloud.fsx.service import FsxService, service_for
from daylily_ec.localcloud.patches.patching import add, json_action, replace

Query = dict[str, Any]
Handler = Callable[[Any, Query], Query]


def extend_moto() -> None:
    """Complete moto's FSx."""
    for name, handler in _REPLACED.items():
        replace(FSxResponse, name, _instead(handler))
    for name, handler in _ADDED.items():
        add(FSxResponse, name, json_action(handler))


def _instead(handler: Handler) -> Callable[[Any], Any]:
    return lambda _original: json_action(handler)


def _service(request: Any) -> FsxService:
    return service_for(request.current_account, request.region)


def _create_file_system(request: Any, query: Query) -> Query:
    return {"FileSystem": _service(request).create_file_system(**query)}


def _describe_file_systems(request: Any, query: Query) -> Query:
    return _service(request).describe_file_systems(**query)


def _update_file_system(request: Any, query: Query) -> Query:
    return {"FileSystem": _service(request).update_file_system(**query)}


def _delete_file_system(request: Any, query: Query) -> Query:
    return _service(request).delete_file_system(query["FileSystemId"])


def _create_association(request: Any, query: Query) -> Query:
    return {"Association": _service(request).create_association(**query)}


def _describe_associations(request: Any, query: Query) -> Query:
    return _service(request).describe_associations(**query)


def _update_association(request: Any, query: Query) -> Query:
    return {"Association": _service(request).update_association(**query)}


def _delete_association(request: Any, query: Query) -> Query:
    delete_data = bool(query.get("DeleteDataInFileSystem"))
    return _service(request).delete_association(query["AssociationId"], delete_data=delete_data)


def _create_task(request: Any, query: Query) -> Query:
    return {"DataRepositoryTask": _service(request).create_task(**query)}


def _describe_tasks(request: Any, query: Query) -> Query:
    return _service(request).describe_tasks(**query)


def _cancel_task(request: Any, query: Query) -> Query:
    return _service(request).cancel_task(query["TaskId"])


def _tag(request: Any, query: Query) -> Query:
    _service(request).tag(query["ResourceARN"], {tag["Key"]: tag.get("Value", "") for tag in query["Tags"]})
    return {}


def _untag(request: Any, query: Query) -> Query:
    _service(request).untag(query["ResourceARN"], query["TagKeys"])
    return {}


def _list_tags(request: Any, query: Query) -> Query:
    return _service(request).tags(query["ResourceARN"])


_REPLACED: dict[str, Handler] = {
    "create_file_system": _create_file_system,
    "describe_file_systems": _describe_file_systems,
    "delete_file_system": _delete_file_system,
    "tag_resource": _tag,
    "untag_resource": _untag,
    "list_tags_for_resource": _list_tags,
}
_ADDED: dict[str, Handler] = {
    "update_file_system": _update_file_system,
    "create_data_repository_association": _create_association,
    "describe_data_repository_associations": _describe_associations,
    "update_data_repository_association": _update_association,
    "delete_data_repository_association": _delete_association,
    "create_data_repository_task": _create_task,
    "describe_data_repository_tasks": _describe_tasks,
    "cancel_data_repository_task": _cancel_task,
}
