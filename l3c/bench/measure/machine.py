"""The machine: what it is, how much memory was used, and how busy other programs kept it."""

from __future__ import annotations

import contextlib
import platform
import resource
import sys
import time
from collections import deque
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from l3c.messages import counted
from l3c.threads import usable_cores

NOISY = 0.1
"""Share of the cores from which on times are said not to be of a quiet machine."""
_WINDOW_S = 1.0  # the system counts in steps of 10 ms
_PACKAGES = ("imagecodecs", "matplotlib", "numpy", "pillow", "safetensors", "snakemake", "torch")


def versions(packages: tuple[str, ...] = _PACKAGES) -> dict[str, str]:
    """Of Python and the packages that results depend on, as far as they are installed."""
    found = {"Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str]:
    """The columns `hardware` and `environment` of a row."""
    return {"hardware": hardware(), "environment": environment()}


def hardware() -> str:
    """Processor, usable cores and memory, e.g. "AMD EPYC 7763, 2 cores, 8 GiB"."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{device_name('cpu')}, {counted(len(usable_cores()), 'core')}, {memory:.0f} GiB"


def environment() -> str:
    """Versions of Python and of the numerical libraries; nothing is imported for it."""
    named = [f"{name} {version}" for name, version in versions(("numpy", "torch")).items()]
    return ", ".join([*named, f"{platform.system()} {platform.machine()}"])


def device_name(device: str) -> str:
    """Name of the processor, or of the first CUDA device."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    names = _values(Path("/proc/cpuinfo"), "model name")
    return next(iter(names), platform.processor() or platform.machine() or "unknown processor")


def _values(path: Path, key: str) -> list[str]:
    """Values of the lines "key : value" of a file of Linux; none elsewhere."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [" ".join(line.split(":", 1)[1].split()) for line in lines if line.startswith(key)]


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
    processes = psutil.Process().children() if children else [psutil.Process()]
    # As Linux counts it for a process; not ru_maxrss, which a program has from its parent.
    peaks = [_values(Path(f"/proc/{process.pid}/status"), "VmHWM") for process in processes]
    found = [int(peak.split()[0]) / 1024 for peaks_of in peaks for peak in peaks_of]
    if children or not found:
        who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
        found.append(resource.getrusage(who).ru_maxrss / per_mib)
    return max(found)


class OtherLoad:
    """Reads how busy other programs keep the cores that this process may use."""

    def __init__(self) -> None:
        self._readings = deque([_read()])

    def share(self) -> float:
        """Share of the cores that other processes kept busy, 0 to 1.

        Others are all but this process and those that it has started. It is the mean since the
        last call, or over about a second where that is longer.
        """
        self._readings.append(_read())
        while len(self._readings) > 2 and self._readings[-1][0] - self._readings[1][0] >= _WINDOW_S:
            self._readings.popleft()
        spent, others = np.subtract(self._readings[-1], self._readings[0])
        return round(float(np.clip(others / (len(usable_cores()) * max(spent, 1e-3)), 0, 1)), 3)


def noise_note(*tables: pd.DataFrame) -> str:
    """What to say below times of a machine that was not quiet; "" if it was.

    A method counts by the mean over its rows.

    Args:
        tables: rows of images, crops or batches, as `l3c.bench.schema.frame` gives them.
    """
    rows = pd.concat([table[["method", "other_load"]] for table in tables])
    means = rows.astype({"other_load": float}).groupby("method", sort=False).other_load.mean()
    noisy = [f"{100 * mean:.0f} % for {method}" for method, mean in means.items() if mean >= NOISY]
    if not noisy:
        return ""
    return (
        "The machine was not quiet, so that times are too long: share of its cores that other "
        f"programs kept busy meanwhile: {', '.join(noisy)}"
    )


def _read() -> tuple[float, float]:
    """Seconds of the clock, and of all other programs together on the cores at hand."""
    at, usable, others = time.perf_counter(), usable_cores(), 0.0
    names = ("user", "system", "nice", "irq", "softirq", "steal")  # macOS has the first three
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        if number in usable:
            others += sum(getattr(times, name, 0.0) for name in names)
    process = psutil.Process()
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended meanwhile
            others -= sum(each.cpu_times()[:4])  # user, system, and those of ended children
    return at, others
