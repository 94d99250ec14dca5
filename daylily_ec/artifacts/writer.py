"""Names and places of a run's artifacts: `<cluster>_<kind>_<YYYYMMDDHHMMSS>` in the configuration directory."""

from __future__ import annotations

from pathlib import Path

from daylily_ec.util.files import write_new


class ArtifactWriter:
    """Writes the artifacts of one run; a name that exists gets `-2`, `-3` …"""

    def __init__(self, directory: Path, cluster: str, stamp: str) -> None:
        self.directory = directory
        self.cluster = cluster
        self.stamp = stamp

    def _write(self, kind: str, suffix: str, text: str) -> Path:
        return write_new(self.directory / f"{self.cluster}_{kind}_{self.stamp}{suffix}", text)

    def template_copy(self, text: str) -> Path:
        """The cluster template as it was found."""
        return self._write("cluster", ".yaml.init", text)

    def init_template(self, text: str) -> Path:
        """The template with its tokens replaced, spot prices still open."""
        return self._write("init_template", ".yaml", text)

    def cluster_yaml(self, text: str) -> Path:
        """The configuration that ParallelCluster gets."""
        return self._write("cluster", ".yaml", text)

    def next_run(self, text: str) -> Path:
        """A configuration file that repeats this run without a question."""
        return self._write("next_run", ".yaml", text)

    def resolved_cli(self, text: str) -> Path:
        """Every setting with the value that was used."""
        return self._write("resolved_cli", ".yaml", text)

    def final_config(self, text: str) -> Path:
        """Every key with its final value."""
        return self._write("final_config", ".yaml", text)
