"""BPG, the paper's strongest classical codec, if its programs are installed."""

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as Images

from baselines.base import DecodeError, Image
from baselines.lossy.base import LossyMethod


class Bpg(LossyMethod):
    """Through the programs bpgenc and bpgdec, 4:4:4; points are quantizers."""

    name = "BPG"
    key = "bpg"
    suffix = ".bpg"
    quality = "quantizer"
    points = (51, 47, 44, 41, 38, 36, 34, 32, 30, 28, 26, 24)

    def why_unavailable(self) -> str:
        missing = [program for program in ("bpgenc", "bpgdec") if not shutil.which(program)]
        return f"the programs {' and '.join(missing)} of libbpg are missing" if missing else ""

    def version(self) -> str:
        self.require()
        help_text = subprocess.run(["bpgenc", "-h"], capture_output=True, text=True).stdout
        return help_text.partition("\n")[0].strip()

    def encode(self, image: Image, point: float) -> bytes:
        self.check(image, point)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "a.png"), Path(folder, "a.bpg")
            Images.fromarray(image).save(source)
            options = ["-f", "444", "-q", str(int(point)), "-o", str(target)]
            subprocess.run(["bpgenc", *options, str(source)], check=True, capture_output=True)
            return target.read_bytes()

    def decode(self, data: bytes) -> Image:
        self.require()
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "a.bpg"), Path(folder, "a.png")
            source.write_bytes(data)
            ended = subprocess.run(["bpgdec", "-o", str(target), str(source)], capture_output=True)
            if ended.returncode or not target.exists():
                reason = ended.stderr.decode(errors="replace").strip()
                raise DecodeError(self.name, reason or f"exit code {ended.returncode}")
            return np.array(Images.open(io.BytesIO(target.read_bytes())).convert("RGB"))
