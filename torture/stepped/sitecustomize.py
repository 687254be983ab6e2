"""A process whose wall clock can be moved: Python imports this by itself when its folder is on `PYTHONPATH`.

`TORTURE_CLOCK` names a file of eight bytes, the nanoseconds by which the clock is ahead. It is what libfaketime
does for all programs, for Python's alone; what nobody can set, the monotonic clock, stays as it is.
"""

import mmap
import os
import struct
import time

if path := os.environ.get("TORTURE_CLOCK"):
    with open(path, "rb") as file:
        _ahead = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    _real = time.time_ns

    def _time_ns() -> int:
        ahead: int = struct.unpack("q", _ahead)[0]
        return _real() + ahead

    time.time_ns = _time_ns
    time.time = lambda: _time_ns() / 1e9
