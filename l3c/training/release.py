"""Makes a released model of a trained one: `python -m l3c.training.release WEIGHTS NAME`.

Weights are kept in half precision, which is half the download; the identity that files written in
floating point carry is that of the rounded weights. The integer path stays as it is. The curve of
the training, if it is named, is kept as `results/reference/training/NAME.csv`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from l3c.integer import files as integer_files
from l3c.model.identity import model_identity
from l3c.training import files
from l3c.zoo import ModelError, load_network, read_model

LICENCE = "Apache-2.0"
CURVES = Path("results", "reference", "training")


def release(weights: Path, name: str, folder: Path) -> Path:
    """Writes `<name>.safetensors` in float16 and its card into a folder.

    Args:
        weights: of the trained model, its card beside it.
        name: by which users call the model.
        folder: `models/` of the project.

    Returns:
        The path of the released weights.

    Raises:
        l3c.zoo.ModelError: the trained model cannot be used.
    """
    model = read_model(weights)
    network, path = load_network(model)
    if path is None:
        raise ModelError(f"{weights}: has no integer path: add one with `l3c.integer.add` first")
    halved = {key: value.half() for key, value in network.state_dict().items()}
    network.load_state_dict(halved)
    target = folder / f"{name}.safetensors"
    sha256 = integer_files.write(target, halved, path)
    changed = {
        "name": name,
        "identity": model_identity(network).hex(),
        "precision": str(torch.float16).removeprefix("torch."),
        "sha256": sha256,
        "released": files.today(),
        "licence": LICENCE,
    }
    files.write_json(target.with_suffix(".json"), model.card | changed)
    return target


def main() -> None:
    """Releases a model into `models/`."""
    parser = argparse.ArgumentParser(description="Release a trained model in half precision.")
    parser.add_argument("weights", type=Path, help="<model>.safetensors with its card beside it")
    parser.add_argument("name", help="by which users call it, e.g. l3c-small")
    parser.add_argument("--folder", type=Path, default=Path("models"))
    parser.add_argument("--curve", type=Path, help="metrics of the training, trained/<model>.csv")
    arguments = parser.parse_args()
    print(release(arguments.weights, arguments.name, arguments.folder))
    if arguments.curve:
        files.write(CURVES / f"{arguments.name}.csv", arguments.curve.read_bytes())


if __name__ == "__main__":
    main()
