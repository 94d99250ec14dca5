"""botocore sessions that read from disk only what a command uses, and read it once.

Imported by `AwsContext` alone, when its first client is made: botocore takes longer to load than most commands run.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from botocore.loaders import JSONFileLoader, Loader
from botocore.session import Session


class _Files(JSONFileLoader):  # type: ignore[misc]
    """JSON into plain dicts, which keep their order as well as botocore's OrderedDict, in half the time."""

    def load_file(self, file_path: str) -> Any:
        """Content of `file_path` with one of botocore's endings, None when there is none."""
        for ending, read in ((".json", Path.read_bytes), (".json.gz", _unpacked)):
            path = Path(file_path + ending)
            if path.is_file():
                return json.loads(read(path))
        return None


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


class ServiceModels(Loader):  # type: ignore[misc]
    """botocore's loader, safe to share between threads: each file is parsed by the first who asks for it.

    botocore looks into every directory of its 400 services to know one by name; here a name is looked up by itself.
    """

    def __init__(self, extra_search_paths: list[str]) -> None:
        super().__init__(extra_search_paths=extra_search_paths, file_loader=_Files())
        self._guard = Lock()
        self._locks: dict[tuple[Any, ...], Lock] = {}

    def list_available_services(self, type_name: str) -> list[str]:
        """Every directory that may be a service; whether it holds a file of the type shows when that is read."""
        names: list[str] = self._once(("services",), self._directories)
        return names

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """The parsed model, by one thread while the others wait."""
        load = super().load_service_model
        return self._once(("model", service_name, type_name, api_version),
                          lambda: load(service_name, type_name, api_version))  # fmt: skip

    def _directories(self) -> list[str]:
        roots = [root for root in map(Path, self.search_paths) if root.is_dir()]
        return sorted({entry.name for root in roots for entry in root.iterdir()})

    def _once(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        with self._guard:
            lock = self._locks.setdefault(key, Lock())
        with lock:
            if key not in self._cache:
                self._cache[key] = make()
            return self._cache[key]


def new_session(profile: str | None, region: str) -> Session:
    """A session for a profile (None: as the environment says) and region; botocore's errors are raised as they are."""
    session = Session()
    if profile is not None:
        session.set_config_variable("profile", profile)
    session.set_config_variable("region", region)
    places = (session.get_config_variable("data_path") or "").split(os.pathsep)
    paths = [str(Path(os.path.expandvars(place)).expanduser()) for place in places if place]
    session.register_component("data_loader", ServiceModels(paths))
    return session
