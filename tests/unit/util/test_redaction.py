"""What leaves in a support bundle carries no secret, in whatever way it was written."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from daylily_ec.util.redaction import Redactor, secrets_in

CANARY = 'wJalr/XUtnF+EMI&K7"MDENG=canary'
ENCODINGS = {
    "plain": CANARY,
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "url": quote(CANARY, safe=""),
    "hex": CANARY.encode().hex(),
    "json": json.dumps(CANARY)[1:-1],
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_known_secret_is_found_in_every_encoding(encoding: str) -> None:
    text = Redactor([CANARY])(f"before {ENCODINGS[encoding]} after")
    assert text == "before <secret> after" or (encoding == "base64" and text.startswith("before <secret>"))


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(4))
def test_base64_of_a_longer_text_is_found_at_every_offset(before: int, after: int) -> None:
    encoded = base64.b64encode(b"x" * before + CANARY.encode() + b"y" * after).decode()
    left = Redactor([CANARY])(encoded).replace("<secret>", "")
    assert len(left) <= 12, left


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("arn:aws:iam::123456789012:user/ann", "arn:aws:iam::<account>:user/ann"),
        ("mail ann@example.org now", "mail <e-mail> now"),
        ("key AKIAIOSFODNN7EXAMPLE here", "key <access-key> here"),
        ('{"aws_secret_access_key": "abc/def"}', '{"aws_secret_access_key": "<secret>"}'),
        ("DB_PASSWORD=hunter2 next", "DB_PASSWORD=<secret> next"),
        ("https://ann:pw@example.org/x", "https://ann:<secret>@example.org/x"),
        ("?X-Amz-Signature=0123abcd&X=1", "?X-Amz-Signature=<secret>&X=1"),
        ("Authorization: Bearer abc.def", "Authorization: <secret>"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "<secret>\nrest"),
    ],
)
def test_what_looks_like_a_secret_or_names_an_account_goes(text: str, wanted: str) -> None:
    assert Redactor()(text) == wanted


def test_ordinary_text_stays() -> None:
    text = "stack majors CREATE_FAILED, i-0abc, 20260211143722, 12 of 1024, s3://omics-reference/a/b\n"
    assert Redactor(["short"])(text) == text


def test_secrets_of_an_environment_are_told_by_their_names() -> None:
    found = secrets_in({"AWS_SESSION_TOKEN": "t", "GITHUB_PASSWORD": "p", "AWS_SECRET_ACCESS_KEY": "s", "PATH": "/bin"})
    assert sorted(found) == ["p", "s", "t"]
