"""What every script of the workflow does around its work: log, threads, errors.

    with job(snakemake):
        ...

stderr goes to the rule's log; on a terminal, bars of progress are drawn there too. An error is one
readable line on the original stderr; its traceback is in the log.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from l3c import progress
from l3c.messages import typed_line
from l3c.threads import limit_threads
from l3c.workflow.lock import watch_main


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Surrounds the work of a script; exits with status 1 after an error.

    Args:
        snakemake: the object Snakemake puts into every script; log, rule and threads are used.
    """
    watch_main()
    limit_threads(snakemake.threads)
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    text: Any = {"encoding": "utf-8", "errors": "backslashreplace", "buffering": 1}
    with path.open("w", **text) as log:
        original = os.fdopen(os.dup(2), "w", **text)
        os.dup2(log.fileno(), 2)  # also for libraries and child processes that write by themselves
        sys.stderr = log
        progress.terminal = original if original.isatty() else None
        try:
            yield
        except Exception as error:
            log.write(traceback.format_exc())
            original.write(
                f"\nError in {snakemake.rule}: {typed_line(error)}\n(details: {path})\n\n"
            )
            original.flush()
            raise SystemExit(1) from None
        finally:
            sys.stderr = sys.__stderr__  # the log is closed from here on, file descriptor 2 is not
