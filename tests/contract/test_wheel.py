"""The wheel carries everything: it is built, installed into a clean environment, and run from there."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_wheel_works_without_the_checkout(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("daylily_ec-*.whl")
    clean = tmp_path / "clean"
    venv.create(clean, with_pip=True)
    # The dependencies are those of this environment: what is proved here is the content of the wheel.
    site = next((clean / "lib").glob("python3.*/site-packages"))
    (site / "outer.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    subprocess.run([clean / "bin/pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    run = {"cwd": tmp_path, "capture_output": True, "text": True, "check": True}
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for name in ("dyec", "daylily-ec", "dayctl"):
        shown = subprocess.run([clean / "bin" / name, "--json", "version"], env=env, **run)  # type: ignore[call-overload]
        assert json.loads(shown.stdout)["app"] == "Daylily Ephemeral Cluster"
    where = subprocess.run([clean / "bin/dyec", "resources-dir"], env=env, **run).stdout.strip()  # type: ignore[call-overload]
    assert Path(where).is_relative_to(clean)
    names = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "config").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packaged = {str(path.relative_to(where)) for path in Path(where).rglob("*") if path.is_file()}
    assert names <= packaged
