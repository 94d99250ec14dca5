"""Blocks of ports for the Slurm daemons of boxes."""

from __future__ import annotations

import socket

import pytest

from daylily_ec.localcloud.nodes.slurm import NoPorts, Ports


def test_blocks_of_ports_do_not_overlap_and_come_back() -> None:
    ports = Ports()
    first, second = ports.take(100), ports.take(100)
    assert abs(first - second) >= 100
    ports.give_back(first)
    assert ports.take(100) == first


def test_a_port_in_use_is_avoided() -> None:
    ports = Ports()
    wanted = ports.take(10)
    ports.give_back(wanted)
    with socket.create_server(("127.0.0.1", wanted + 5)):
        assert not wanted <= ports.take(10) <= wanted + 5


def test_too_many_ports_are_refused() -> None:
    ports = Ports()
    ports.take(100)
    with pytest.raises(NoPorts, match="no 11950 free ports"):
        ports.take(11_950)
