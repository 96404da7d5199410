"""Makes a released model of a trained one: `python -m tools.release WEIGHTS NAME`.

Weights are kept in half precision, which is half the download; the identity of files written in
floating point is that of the rounded weights. The integers stay as they are. The curve of the
training, if it is named, is kept as `results/reference/training/NAME.csv`. Released models are
trained on the photographs that `models/training_photographs.tsv` credits, and on no others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from l3c.files import write_whole
from l3c.models.base import load_model, write_model
from l3c.models.zoo import ModelFile, read_model
from l3c.training.state import today

LICENCE = "Apache-2.0"
DATA_LICENCES = (
    "CC0, CC BY, MIT, public domain, Unsplash, Pixabay and Pexels licences, as stated for each "
    "photograph in training_photographs.tsv"
)
CURVES = Path("results", "reference", "training")


def release(weights: Path, name: str, folder: Path) -> ModelFile:
    """Writes `<name>.safetensors` in float16 and its card into a folder.

    Args:
        weights: of the trained model, its card beside it.
        name: by which users call the model.
        folder: `models/` of the project.

    Raises:
        l3c.models.zoo.ModelError: the trained model cannot be used.
    """
    file = read_model(weights)
    model, integers = load_model(file)
    card = file.card | {"name": name, "released": today(), "licence": LICENCE}
    card["data_licences"] = [DATA_LICENCES]
    return write_model(folder / f"{name}.safetensors", model, integers, card, half=True)


def main() -> None:
    """Releases a model into `models/`."""
    parser = argparse.ArgumentParser(description="Release a trained model in half precision.")
    parser.add_argument("weights", type=Path, help="<model>.safetensors with its card beside it")
    parser.add_argument("name", help="by which users call it, e.g. interlaced-small")
    parser.add_argument("--folder", type=Path, default=Path("models"))
    parser.add_argument("--curve", type=Path, help="metrics of the training, <model>.csv")
    arguments = parser.parse_args()
    print(release(arguments.weights, arguments.name, arguments.folder).weights)
    if arguments.curve:
        write_whole(CURVES / f"{arguments.name}.csv", arguments.curve.read_bytes())


if __name__ == "__main__":
    main()
