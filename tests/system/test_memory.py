import subprocess
import sys

import pytest

from toi.system.memory import keep_memory

MEGABYTE = 2**20
PROGRAM = """
import resource
from toi.system.memory import keep_memory

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
