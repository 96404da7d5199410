"""One workflow at a time in a folder, whatever was killed there before.

Snakemake guards a folder by files in .snakemake/locks. After a SIGKILL or a power cut they stay,
and the next `snakemake` stops with "Directory cannot be locked" until somebody runs `--unlock`. A
lock of the kernel (flock) goes with its process instead. So `hold_main_lock`, called while the
Snakefile is read and before Snakemake takes its lock, takes a flock and keeps it for the life of
the process. Who has it knows that no other main process lives here, so any file in .snakemake/locks
is a leftover and is removed. Who does not get it leaves everything as it is, and Snakemake's own
lock says what is to be said.

A main process that is killed alone leaves its running job behind, an orphan that would write the
same files as the job's next start. Each job therefore watches the lock of its main process
(`watch_main`) and ends when that is gone. It also holds a shared lock on a second file, for which
the next main process waits before it goes on.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import uuid
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: there Snakemake's own lock is all there is
    fcntl = None  # type: ignore[assignment]

STATE = Path(".snakemake")  # where Snakemake keeps its own; relative to the working directory
MAIN_LOCK = "l3c-main.lock"  # exclusive: one main process; holds its token
JOB_LOCK = "l3c-jobs.lock"  # shared: every running job
TOKEN = "L3C_MAIN_PROCESS"  # environment variable, inherited by jobs: host and a random word
MAIN_WAIT_S = 1.0  # a watching job may hold the lock for a moment; a living main process keeps it
ORPHAN_WAIT_S = 30.0
WATCH_EVERY_S = 0.5
ORPHAN_EXIT = 75  # EX_TEMPFAIL

# Open for the life of the process: closing a file gives its lock back.
_held: list[int] = []


def hold_main_lock(state: Path = STATE) -> bool:
    """Takes the main lock for the life of this process and clears what killed runs left.

    Args:
        state: Snakemake's folder, below the working directory.

    Returns:
        Whether the lock was taken; False also where the system has no such locks.
    """
    if fcntl is None:
        return False
    state.mkdir(parents=True, exist_ok=True)
    main = os.open(state / MAIN_LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    token = f"{socket.gethostname()} {uuid.uuid4().hex}"
    if not _try_lock(main, fcntl.LOCK_EX, MAIN_WAIT_S):
        os.close(main)
        return False
    _held.append(main)
    # The token first: an orphan that looks from now on finds another main process than its own.
    os.ftruncate(main, 0)
    os.pwrite(main, token.encode(), 0)
    os.environ[TOKEN] = token
    _wait_for_orphans(state)
    for leftover in (state / "locks").glob("*.lock"):
        leftover.unlink(missing_ok=True)
    return True


def watch_main(state: Path = STATE) -> None:
    """Ends this process soon after the main process that started it; called when a job starts.

    A job on another machine than its main process (a cluster) does not watch: no lock reaches it.
    """
    token = os.environ.get(TOKEN, "")
    if fcntl is None or token.split(" ")[0] != socket.gethostname():
        return
    job = os.open(state / JOB_LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    # Never waits long: only a starting main process holds this one exclusively, for a moment.
    fcntl.flock(job, fcntl.LOCK_SH)
    _held.append(job)
    # Once before any work: the main process may have gone while this one was starting.
    _end_without_main(state, token)
    threading.Thread(target=_watch, args=(state, token), daemon=True).start()


def _watch(state: Path, token: str) -> None:
    while True:
        time.sleep(WATCH_EVERY_S)
        _end_without_main(state, token)


def _end_without_main(state: Path, token: str) -> None:
    if not _is_main_alive(state, token):
        print("The snakemake process is gone; this job ends too.", file=sys.stderr, flush=True)
        os._exit(ORPHAN_EXIT)  # from a thread, sys.exit would end only the thread


def _is_main_alive(state: Path, token: str) -> bool:
    try:
        main = os.open(state / MAIN_LOCK, os.O_RDWR)
    except FileNotFoundError:  # somebody removed .snakemake under a running workflow
        return True
    try:
        if _try_lock(main, fcntl.LOCK_SH):
            return False
        return os.pread(main, 1000, 0).decode() == token
    finally:
        os.close(main)


def _wait_for_orphans(state: Path) -> None:
    jobs = os.open(state / JOB_LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if _try_lock(jobs, fcntl.LOCK_EX):
            return
        print("Waiting for the jobs of a killed run to end.", file=sys.stderr)
        if not _try_lock(jobs, fcntl.LOCK_EX, ORPHAN_WAIT_S):
            print("A job of a killed run does not end; going on beside it.", file=sys.stderr)
    finally:
        os.close(jobs)


def _try_lock(file: int, kind: int, wait_s: float = 0.0) -> bool:
    """Takes a lock, trying for some seconds; where there are no locks it counts as not taken."""
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() >= end:
                return False
        time.sleep(0.05)
