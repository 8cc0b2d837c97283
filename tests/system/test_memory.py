import subprocess
import sys

import pytest

from toi.system.memory import keep_memory, out_of_memory

MEGABYTE = 2**20
PROGRAM = """
import resource
from toi.system.memory import keep_memory, out_of_memory

{call}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

bytearray({size})
before = faults()
for _ in range(20):
    bytearray({size})
print(faults() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_memory_is_not_cleared_again():
    faults = {
        call: int(subprocess.check_output([sys.executable, "-c", PROGRAM.format(call=call, size=64 * MEGABYTE)]))
        for call in ("", "keep_memory()")
    }
    assert faults[""] > 20 * faults["keep_memory()"]


def test_other_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr("platform.libc_ver", lambda: ("musl", "1.2"))
    monkeypatch.setattr("ctypes.CDLL", lambda name: pytest.fail("called"))
    keep_memory()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("mkl_malloc: failed to allocate memory"), True),  # CTranslate2
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("The size of tensor a (2) must match the size of tensor b (3)"), False),
        (RuntimeError("failed to load the model"), False),
    ],
)
def test_what_is_said_when_memory_is_short(error, expected):
    assert out_of_memory(error) == expected
