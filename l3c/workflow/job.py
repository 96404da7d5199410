"""What surrounds the jobs of the workflow: one run in a folder at a time, logs, threads, errors.

Snakemake's own locks outlive a run that was killed, so the default profile has `nolock: true`. A
lock of the operating system (filelock) goes with its process instead.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from l3c import progress
from l3c.messages import typed_line
from l3c.threads import limit_threads

MAIN = "L3C_MAIN_PROCESS"  # environment variable, inherited by jobs: host and process id
ORPHAN_EXIT = 75  # EX_TEMPFAIL

_held: list[FileLock] = []


def hold_folder() -> None:
    """Keeps other runs out of this folder for the life of this process; called before jobs start.

    Raises:
        RuntimeError: another run is at work there.
    """
    lock = FileLock(".snakemake/l3c-run.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RuntimeError(f"another run is at work in {Path.cwd()}") from None
    except NotImplementedError:  # some network file systems have no locks
        print("This file system has no locks: start one run in it at a time.", file=sys.stderr)
    _held.append(lock)
    os.environ[MAIN] = f"{socket.gethostname()} {os.getpid()}"


def end_with_main() -> None:
    """Ends this job soon after the run that started it was killed; another one makes its files.

    A job on another machine than the run (a cluster) is left alone.
    """
    host, _, main = os.environ.get(MAIN, "").rpartition(" ")

    def wait() -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(main)).wait()
        os._exit(ORPHAN_EXIT)  # from a thread, sys.exit would end only the thread

    if host == socket.gethostname():
        threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Surrounds the work of a script; exits with status 1 after an error.

    stderr goes to the rule's log, also that of libraries and child processes. An error is one line
    on the original stderr; its traceback is in the log.

    Args:
        snakemake: the object Snakemake puts into every script; log, rule and threads are used.
    """
    end_with_main()
    limit_threads(snakemake.threads)
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    text: Any = {"encoding": "utf-8", "errors": "backslashreplace", "buffering": 1}
    with path.open("w", **text) as log, os.fdopen(os.dup(2), "w", **text) as original:
        os.dup2(log.fileno(), 2)
        sys.stderr = log
        progress.terminal = original if original.isatty() else None
        try:
            yield
        except Exception as error:
            log.write(traceback.format_exc())
            original.write(
                f"\nError in {snakemake.rule}: {typed_line(error)}\n(details: {path})\n\n"
            )
            raise SystemExit(1) from None
        finally:
            sys.stderr = sys.__stderr__  # file descriptor 2 stays the log
