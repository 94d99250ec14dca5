"""`python -m daylily_ec`."""

from daylily_ec.cli.main import run

run()
