"""Hardware and versions, one line each, recorded with every row."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path


def hardware() -> str:
    """Processor, usable cores and memory, e.g. "AMD EPYC 7763, 2 cores, 8 GB"."""
    count = cores()
    parts = [_processor(), f"{count} core{'s' if count > 1 else ''}"]
    memory = _memory_bytes()
    if memory:
        parts.append(f"{memory / 2**30:.0f} GB")
    return ", ".join(parts)


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def environment() -> str:
    """Versions of Python and of the numerical libraries; nothing is imported for it."""
    versions = [f"Python {platform.python_version()}"]
    for package in ("numpy", "torch"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    return ", ".join([*versions, f"{platform.system()} {platform.machine()}"])


def _processor() -> str:
    if sys.platform.startswith("linux"):
        try:
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
                if line.startswith("model name"):
                    return " ".join(line.split(":", 1)[1].split())
        except OSError:
            pass  # a container may hide it; the architecture is still known
    return platform.processor() or platform.machine() or "unknown processor"


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):  # unknown to this system
        return 0
