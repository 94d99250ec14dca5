"""The version of the distribution `daylily-ec`: its own numbers, read by the build."""

__version__ = "0.1.0"
