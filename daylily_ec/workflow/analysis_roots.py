"""Which checkout in an analysis directory the launched workflow worked in."""

from __future__ import annotations

from pathlib import PurePosixPath

from daylily_ec.domain.fsxpath import AnalysisDirectory
from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode import runs
from daylily_ec.headnode.remote import Remote


def launched_folder(remote: Remote, analysis: AnalysisDirectory) -> str:
    """Name of the checkout of the latest launch into the directory; empty without one, for nobody's name is guessed."""
    try:
        records = [facts.record for facts in runs.every(remote) if facts.record]
    except RemoteCommandFailed:
        # A damaged record of some session must not keep an analysis from being exported.
        records = []
    here = [one for one in records if one.get("analysis_dir") == str(analysis.path.on_node) and one.get("repo_path")]
    latest = max(here, key=lambda one: str(one.get("started_at")), default=None)
    return PurePosixPath(str(latest["repo_path"])).name if latest is not None else ""
