"""Hardware and versions, one line each, recorded with every row."""

from __future__ import annotations

import os
import platform
import resource
import sys
from importlib import metadata
from pathlib import Path


def hardware() -> str:
    """Processor, usable cores and memory, e.g. "AMD EPYC 7763, 2 cores, 8 GiB"."""
    count = cores()
    parts = [_processor(), f"{count} core{'s' if count > 1 else ''}"]
    memory = _memory_bytes()
    if memory:
        parts.append(f"{memory / 2**30:.0f} GiB")
    return ", ".join(parts)


def device_name(device: str) -> str:
    """Name of the processor, or of the first CUDA device."""
    if device != "cuda":
        return _processor()
    import torch

    return torch.cuda.get_device_name()


def peak_mib(device: str = "cpu", *, children: bool = False) -> float:
    """The most memory held at once so far, in MiB; nothing is subtracted.

    Args:
        device: on the CPU it is that of the process, with Python, its libraries and all that they
            have loaded; on a CUDA device, that of the tensors there.
        children: instead of this process, the largest of the programs that it has started. Of
            those that have ended Linux counts the size of this one in, if it is larger.
    """
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    per_mib = 2**20 if sys.platform == "darwin" else 1024
    if children:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / per_mib
        lists = Path("/proc/self/task").glob("*/children")
        running = [pid for path in lists for pid in path.read_text(encoding="ascii").split()]
        return max([ended, *(_high_water_mib(pid) or 0.0 for pid in running)])
    return _high_water_mib("self") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mib


def _high_water_mib(process: str) -> float | None:
    """As Linux counts it for a process id; None elsewhere."""
    try:
        # Not ru_maxrss: Linux hands that of the parent on to a program it starts.
        for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def cores() -> int:
    """How many cores this process may use."""
    return len(usable_cores() or ()) or os.cpu_count() or 1


def usable_cores() -> set[int] | None:
    """Numbers of the cores that this process may use; None if the system does not tell (macOS)."""
    try:
        return os.sched_getaffinity(0)
    except AttributeError:
        return None


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
