"""Runs a server for as long as somebody holds a lock on a file, and ends it then, however they went.

    python guard.py FOLDER SIGNAL COMMAND…

The locks are shared ones on `FOLDER/users`: the kernel drops them with their process, after `kill -9` too. While
the server runs, `FOLDER/running` is locked. Without users the folder goes, too. Needs the standard library alone.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path


def main(place: Path, how: signal.Signals, command: list[str]) -> None:
    """Start the server and watch over it, in a process that nobody waits for."""
    running = (place / "running").open("w")
    fcntl.flock(running, fcntl.LOCK_EX)
    if os.fork():
        os._exit(0)
    os.setsid()
    unused = threading.Event()
    with (place / "log").open("ab") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603 - as its starter says
    threading.Thread(target=end_unused, args=(place, server, how, unused), daemon=True).start()
    server.wait()
    if unused.is_set():
        shutil.rmtree(place, ignore_errors=True)


def end_unused(
    place: Path, server: "subprocess.Popen[bytes]", how: signal.Signals, unused: threading.Event
) -> None:
    """End the server once the last user has gone. The lock is kept, so that nobody joins what is ending."""
    users = (place / "users").open("a")
    fcntl.flock(users, fcntl.LOCK_EX)
    unused.set()
    server.send_signal(how)
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), signal.Signals(int(sys.argv[2])), sys.argv[3:])
