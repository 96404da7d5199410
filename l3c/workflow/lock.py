"""One workflow at a time in a folder, whatever was killed there before.

Snakemake guards a folder by files in .snakemake/locks. After a SIGKILL or a power cut they stay,
and the next `snakemake` stops with "Directory cannot be locked" until somebody runs `--unlock`;
`nolock` in a profile would let two runs write the same files. A lock of the kernel (flock) goes
with its process instead: who has it knows that files in .snakemake/locks are leftovers. Who does
not get it leaves everything as it is, and Snakemake's own lock says what is to be said.

Jobs of a main process that was killed alone would go on, and write the files of their next start:
each ends soon after its main process.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from pathlib import Path

import psutil

try:
    import fcntl
except ImportError:  # Windows: there Snakemake's own lock is all there is
    fcntl = None  # type: ignore[assignment]

STATE = Path(".snakemake")  # where Snakemake keeps its own; relative to the working directory
MAIN_LOCK = "l3c-main.lock"
MAIN = "L3C_MAIN_PROCESS"  # environment variable, inherited by jobs: host and process id
ORPHAN_EXIT = 75  # EX_TEMPFAIL

_held: list[int] = []  # open for the life of the process: closing a file gives its lock back


def hold_main_lock(state: Path = STATE) -> bool:
    """Takes the main lock for the life of this process and clears what killed runs left.

    Called before Snakemake takes its own lock.

    Args:
        state: Snakemake's folder, below the working directory.

    Returns:
        Whether the lock was taken; False also where the system has no such locks.
    """
    if fcntl is None:
        return False
    state.mkdir(parents=True, exist_ok=True)
    main = os.open(state / MAIN_LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(main, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(main)
        return False
    _held.append(main)
    os.environ[MAIN] = f"{socket.gethostname()} {os.getpid()}"
    for leftover in (state / "locks").glob("*.lock"):
        leftover.unlink(missing_ok=True)
    return True


def watch_main() -> None:
    """Ends this process soon after the main process that started it; called when a job starts.

    A job on another machine than its main process (a cluster) does not watch.
    """
    host, _, main = os.environ.get(MAIN, "").rpartition(" ")
    if host == socket.gethostname():
        threading.Thread(target=_end_after, args=(int(main),), daemon=True).start()


def _end_after(main: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(main).wait()
    print("The snakemake process is gone; this job ends too.", file=sys.stderr, flush=True)
    os._exit(ORPHAN_EXIT)  # from a thread, sys.exit would end only the thread
