"""How full the file system is, from the node's own words."""

from __future__ import annotations

import pytest

from daylily_ec.errors import RemoteCommandFailed
from daylily_ec.headnode.usage import Space, parse_usage

LUSTRE = """\
type lustre
total 1200 1100 100 1000 10
target fsx-OST0001 600 590 10
target fsx-MDT0000 50 5 45
target fsx-OST0000 600 510 90
done
"""


def test_the_file_system_and_its_targets_are_read() -> None:
    usage = parse_usage(LUSTRE)
    assert usage.total == Space("/fsx", 1200, 1100, 100)
    assert (usage.kind, usage.files, usage.files_used) == ("lustre", 1000, 10)
    assert [target.name for target in usage.targets] == ["fsx-MDT0000", "fsx-OST0000", "fsx-OST0001"]


def test_one_full_target_is_told_even_when_the_whole_has_room() -> None:
    usage = parse_usage(LUSTRE.replace("1200 1100 100", "1200 600 600"))
    assert [space.name for space in usage.nearly_full] == ["fsx-OST0001"]


@pytest.mark.parametrize("cut", range(0, len(LUSTRE) - 2, 5))
def test_an_answer_that_was_cut_is_refused(cut: int) -> None:
    with pytest.raises(RemoteCommandFailed):
        parse_usage(LUSTRE[:cut])
