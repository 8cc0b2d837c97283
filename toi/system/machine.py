"""What the machine has, asked without importing torch."""

import glob
import importlib.metadata
import os
import sys
from pathlib import Path

# What the drivers of NVIDIA (also under WSL) and AMD put there, and what a graphics card of Intel's is seen by.
_DEVICES = ("/dev/nvidia*", "/dev/dxg", "/dev/kfd")
_OF_INTEL = "/dev/dri/render*"


def may_have_accelerator() -> bool:
    """Whether torch might find an accelerator here: False only where it is sure to find none."""
    try:
        build = importlib.metadata.version("torch").partition("+")[2]
    except importlib.metadata.PackageNotFoundError:
        return False
    if sys.platform != "linux":
        return True
    if build == "cpu":
        return False
    return any(glob.glob(pattern) for pattern in (*_DEVICES, *([_OF_INTEL] if build == "xpu" else [])))


def cores() -> int:
    """How many threads to compute with: OMP_NUM_THREADS, or as many as there are cores for this process."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if said.isdecimal() and int(said):
        return int(said)
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = set()
    for cpu in usable:
        try:  # two threads of one core are in each other's list
            siblings.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            return len(usable)
    return len(siblings)
