import importlib.metadata
import os

import numpy
import pytest

from toi.system import machine
from toi.system.blas import _functions, one_thread
from toi.system.machine import cores, may_have_accelerator


@pytest.mark.parametrize(
    ("platform", "version", "devices", "expected"),
    [
        ("linux", "2.13.0+cpu", ["/dev/nvidia0", "/dev/kfd"], False),
        ("linux", "2.13.0", [], False),
        ("linux", "2.13.0+cu130", ["/dev/nvidiactl"], True),
        ("linux", "2.13.0", ["/dev/dxg"], True),
        ("linux", "2.13.0+rocm7", ["/dev/kfd"], True),
        ("linux", "2.13.0", ["/dev/dri/renderD128"], False),
        ("linux", "2.13.0+xpu", ["/dev/dri/renderD128"], True),
        ("darwin", "2.13.0", [], True),
        ("win32", "2.13.0+cpu", [], True),
    ],
)
def test_an_accelerator_is_not_overlooked(monkeypatch, platform, version, devices, expected):
    monkeypatch.setattr(machine.sys, "platform", platform)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    monkeypatch.setattr(machine.glob, "glob", lambda pattern: [d for d in devices if d.startswith(pattern.rstrip("*"))])
    assert may_have_accelerator() is expected


def test_this_machine():
    import torch

    assert may_have_accelerator() or not torch.accelerator.is_available()


@pytest.mark.parametrize(("said", "expected"), [("3", 3), ("2,4", 2), ("0", None), ("x", None), (None, None)])
def test_cores(monkeypatch, said, expected):
    if said is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    found = cores()
    assert found == expected if expected else 1 <= found <= (os.cpu_count() or 1)


def test_one_thread():
    if _functions() is None:
        pytest.skip("numpy has another library than OpenBLAS")
    read, write = _functions()
    before = read()
    write(2)
    with one_thread():
        assert read() == 1
        numpy.ones((64, 64)) @ numpy.ones((64, 64))
    assert read() == 2
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert read() == 2
    write(before)
