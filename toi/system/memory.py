"""How this process asks the system for memory, and how libraries say that there is none."""

import ctypes
import platform


def keep_memory() -> None:
    """Let glibc keep what it has: else every large tensor is given back to the kernel, and its pages cleared again.

    A process then holds the most that it ever needed. Other C libraries are left as they are.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-4, 0)  # M_MMAP_MAX: large blocks from the heap too
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: in bytes
        libc.mallopt(-8, 1)  # M_ARENA_MAX: threads' own heaps would give back all that is free


def out_of_memory(error: BaseException) -> bool:
    """Whether this is what torch, MKL or CTranslate2 say when memory is short: on CPUs they have no type of their own for it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error).lower()
    return any(words in said for words in ("out of memory", "allocate memory", "not enough memory", "bad_alloc"))
