from __future__ import annotations

from daylily_ec.demo import cache


def test_pip_keeps_its_downloads_in_the_one_cache_directory() -> None:
    assert cache.pip_environment({"HOME": "/h"})["PIP_CACHE_DIR"] == "/h/.cache/daylily/pip"
    assert cache.pip_environment({"HOME": "/h", "PIP_CACHE_DIR": "/mine"})["PIP_CACHE_DIR"] == "/mine"
