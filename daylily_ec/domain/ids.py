"""Identifiers that become paths, tags or command arguments; each refuses what could leave its root."""

from __future__ import annotations

import re
from typing import ClassVar, Self

from daylily_ec.errors import InvalidValue


def is_text(text: str) -> bool:
    """Whether it has no control characters, and none that no encoding can write (bytes that were no UTF-8)."""
    return not any(ord(sign) < 32 or ord(sign) == 127 or 0xD800 <= ord(sign) <= 0xDFFF for sign in text)


class _Identifier(str):
    """A string that matched its class's rule.  Subclasses give `field`, `pattern` and `rule`."""

    __slots__ = ()
    field: ClassVar[str]
    pattern: ClassVar[re.Pattern[str]]
    rule: ClassVar[str]
    max_length: ClassVar[int] = 128

    @classmethod
    def parse(cls, text: str) -> Self:
        """The identifier, or `InvalidValue` naming field, value and rule."""
        if len(text) > cls.max_length or ".." in text or not cls.pattern.fullmatch(text):
            raise InvalidValue(cls.field, text, cls.rule)
        return cls(text)


class ClusterName(_Identifier):
    """ParallelCluster's name of the cluster and its CloudFormation stack: 5 to 25 characters."""

    __slots__ = ()
    field = "cluster name"
    pattern = re.compile(r"[A-Za-z][A-Za-z0-9-]{4,24}")
    rule = "must be 5 to 25 letters, digits or hyphens and start with a letter"


class MountId(_Identifier):
    """Name of a run mount: the directory below /fsx/run_dir_mounts."""

    __slots__ = ()
    field = "mount id"
    pattern = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9._-]*")
    rule = "must be 1 to 128 letters, digits, '.', '_' or '-', without '..' and not starting with '-'"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The mount id; `.` is refused too."""
        if text == ".":
            raise InvalidValue(cls.field, text, cls.rule)
        return super().parse(text)


class AnalysisId(_Identifier):
    """Name of one analysis: the last component of its directory."""

    __slots__ = ()
    field = "analysis id"
    pattern = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
    rule = "must be 1 to 128 letters, digits, '.', '_' or '-', start with a letter or digit, without '..'"


class ExecutingEntity(AnalysisId):
    """Who runs an analysis: the first component of its directory."""

    __slots__ = ()
    field = "executing entity"


class WorkflowSession(_Identifier):
    """Name of a workflow's tmux session and run directory."""

    __slots__ = ()
    field = "session name"
    pattern = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
    rule = "must be 1 to 100 letters, digits, '_' or '-' and start with a letter or digit"
    max_length = 100


class RepositoryKey(AnalysisId):
    """Key of a repository in the catalog."""

    __slots__ = ()
    field = "repository"


class GitRef(_Identifier):
    """A tag, branch or commit, as git would accept it and no shell or option parser could misread."""

    __slots__ = ()
    field = "git reference"
    pattern = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]*")
    rule = "must be a tag, branch or commit: letters, digits, '.', '_', '/', '+' or '-', not starting with '-'"
    max_length = 200


class FileComponent(_Identifier):
    """One component of a path on this machine that is made of a name from outside: a region, a cluster."""

    __slots__ = ()
    field = "name of a file"
    pattern = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]*")
    rule = "must be 1 to 128 letters, digits, '.', '_', ':' or '-', start with a letter, digit or '_', without '..'"
