"""Secrets that must not turn up anywhere: in no output, no state, no log and no receipt, however they are written."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

CANARIES = {
    "AWS_SECRET_ACCESS_KEY": "canary+secret/key=Qx7Vb2Lm9Tz4", "AWS_SESSION_TOKEN": "canary/session+token=Hd83Kf02Ws65",
    "DEWEY_TOKEN": "canary dewey token \u00e9 Pn51Yc77Ra20", "DYEC_SECRET": "canary&own;secret Zu36Jg48Eb19",
}  # fmt: skip


def encodings(secret: str) -> dict[str, bytes]:
    """A secret plain, in base64 (its middle, which is the same wherever the secret stands), hex and percent-encoded."""
    raw = secret.encode()
    middles = [base64.b64encode(raw[at:])[4:-4] for at in range(3)]
    return {"plain": raw, **{f"base64 at {at}": middle for at, middle in enumerate(middles)},
            "hex": raw.hex().encode(), "percent": quote(secret, safe="").encode()}  # fmt: skip


def hits(places: Mapping[Path, bytes]) -> list[tuple[str, str, str]]:
    """Which secret stands where, and in which form."""
    return [
        (name, form, str(place))
        for name, secret in CANARIES.items()
        for form, text in encodings(secret).items()
        for place, content in places.items()
        if text in content
    ]
