"""FLIF at its defaults, run as an external program."""

import re
import subprocess
import tempfile
from pathlib import Path

from baselines.base import DecodeError, Image, Method, check_image
from baselines.flif_tool import FlifNotFoundError, FlifTool, find_flif
from baselines.ppm import from_ppm, to_ppm

# FLIF shows what it can of a damaged file and exits with 0: only its messages tell.
_DAMAGE = re.compile(
    r"CORRUPTION DETECTED.*|.*(?:ended prematurely|Unexpected file end|Aborting).*"
)


class FlifRunError(RuntimeError):
    """FLIF ran and failed on a good image."""


class Flif(Method):
    """FLIF through the native `flif`, or WebAssembly under Node.js; effort 60, interlaced.

    Pixels travel through files in a temporary folder: timings include that. The native program is
    started anew for every image. Under Node.js one process stays and has its WebAssembly compiled
    once; what its just-in-time compiler knows of one image it keeps for the next.
    Truncated streams are refused. Of flipped bytes not all are noticed: whether a checksum follows
    is coded behind the pixels, so damage can switch the check off and decode to other pixels.
    """

    name = "FLIF"
    key = "flif"
    suffix = ".flif"
    settings = "effort=60, interlaced (defaults)"
    in_process = False

    def __init__(self) -> None:
        self._tool: FlifTool | None = None
        self._version = ""

    def why_unavailable(self) -> str:
        try:
            self._find()
        except FlifNotFoundError as error:
            return str(error)
        return ""

    def version(self) -> str:
        self.require()
        return self._version

    def encode(self, image: Image) -> bytes:
        check_image(image)
        self.require()
        tool = self._find()
        with tempfile.TemporaryDirectory(prefix="flif-") as name:
            folder = Path(name)
            (folder / "image.ppm").write_bytes(to_ppm(image))
            result = tool.run("-e", "image.ppm", "image.flif", folder=folder)
            stream = folder / "image.flif"
            if result.returncode != 0 or not stream.is_file():
                raise FlifRunError(f"{tool.label} could not encode: {_last_line(result)}")
            return stream.read_bytes()

    def decode(self, data: bytes) -> Image:
        self.require()
        tool = self._find()
        with tempfile.TemporaryDirectory(prefix="flif-") as name:
            folder = Path(name)
            (folder / "image.flif").write_bytes(data)
            try:
                result = tool.run("-d", "image.flif", "image.ppm", folder=folder)
            except subprocess.TimeoutExpired as error:
                raise DecodeError(self.name, str(error)) from error
            pixels = folder / "image.ppm"
            if result.returncode != 0 or not pixels.is_file():
                raise DecodeError(self.name, _last_line(result))
            if damage := _DAMAGE.search(result.stdout):
                raise DecodeError(self.name, damage[0].strip())
            try:
                return from_ppm(pixels.read_bytes())
            except ValueError as error:
                raise DecodeError(self.name, str(error)) from error

    def _find(self) -> FlifTool:
        """The tool, found and tried once; a failure is tried again the next time."""
        if self._tool is None:
            tool = find_flif()
            self._version = tool.version()
            self._tool = tool
        return self._tool


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"exit status {result.returncode}"
