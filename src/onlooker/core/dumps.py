"""No core dumps: a process that holds pictures in memory would leave them on the disk by one when it crashes."""

import contextlib
import ctypes
import sys

_PR_SET_DUMPABLE = 4


def forbid_dumps() -> None:
    """Have the system write nothing of this process when it crashes, where it knows of such a thing.

    The limit is what most systems go by, and children inherit it. A program that is handed dumps (``core_pattern`` with
    a pipe) need not go by it, so Linux is told as well that there is nothing to dump; each process must say that for
    itself. From then on only root may look into the process from outside (``/proc/PID/fd``, ``py-spy``, ``gdb``).
    """
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
