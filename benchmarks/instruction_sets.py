"""Which instruction sets of the causal engine decode each other's files, and with how many threads.

    python -m benchmarks.instruction_sets photographs/ --out results/reference/cross_decoding

A process for each setting encodes crops in tiles of 32 x 32 pixels, one thread each, and decodes
what all settings have written. Exits with 1 if a crop did not come back.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import cross_decoding
from benchmarks.against_jpegxl import images
from l3c.bench.measure.machine import environment, hardware
from l3c.models.zoo import named_model


def main(arguments: list[str] | None = None) -> int:
    """Writes engine.csv and engine.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of photographs")
    parser.add_argument("--model", default="causal-middle")
    parser.add_argument("--crops", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True, help="folder for the matrix")
    chosen = parser.parse_args(arguments)
    photographs = [(str(i), image) for i, image in enumerate(images(chosen.folder, None, 512))]
    crops = cross_decoding.crops(lambda: photographs, chosen.crops)
    weights, tried = named_model(chosen.model).weights, cross_decoding.engine_settings()
    table = cross_decoding.measure(weights, crops, tried)
    table = table[table.arithmetic == "integer"]
    chosen.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(chosen.out / "engine.csv", index=False)
    notes = [f"Model {chosen.model}.", f"{hardware()}; {environment()}."]
    text = cross_decoding.matrix_markdown(table, notes)
    (chosen.out / "engine.md").write_text(text, encoding="utf-8")
    return int((table.refused + table.wrong).any())


if __name__ == "__main__":
    sys.exit(main())
