"""`dyec runtime`."""

from __future__ import annotations

from daylily_ec.cli.frame import App
from daylily_ec.cli.render import emit, pairs, text
from daylily_ec.workflow.runtime_identity import RuntimeIdentity, runtime_identity

app = App("What runs here.")


@app.callback()
def group() -> None:
    """What runs here: release, interpreter, place."""


@app.command("identity")
def identity() -> None:
    """Show which dyec this is, and what configure has put on this node."""
    emit(runtime_identity())


@text.register
def _(result: RuntimeIdentity) -> str:
    node = result.installed
    words = {True: "runs this release", False: "another release than the one that runs here"}
    return pairs(
        {
            "version": result.version,
            "release": result.release,
            "python": f"{result.python} ({result.executable})",
            "package": result.package,
            "resources": result.resources,
            "cluster": result.cluster,
            "region": result.region,
            "day-clone": result.day_clone,
            "login hook": "active" if result.bootstrapped else "not active",
            "configured": f"{node.installed_at} from {node.bundle}" if node else "never",
            "state": words.get(result.current, "") if result.current is not None else "",
            "overrides": [f"{key}:{ref}" for key, ref in sorted(node.overrides.items())] if node else (),
        }
    )
