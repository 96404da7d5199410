"""Gives a model file its integer path: `python -m l3c.integer.add WEIGHTS FOLDER`."""

from __future__ import annotations

import argparse
from pathlib import Path

from l3c.data.sources import folder_photos
from l3c.integer.files import add_integer_path
from l3c.zoo import load_float_network, read_model


def main() -> None:
    """Adds or replaces the integers of a model file."""
    parser = argparse.ArgumentParser(
        description="Convert a trained model to integers that decode the same everywhere."
    )
    parser.add_argument("weights", type=Path, help="<model>.safetensors with its card beside it")
    parser.add_argument("images", type=Path, help="folder of RGB photographs to calibrate on")
    arguments = parser.parse_args()
    model = read_model(arguments.weights)
    network = load_float_network(model)
    images = {photo.name: photo.read() for photo in folder_photos(arguments.images)}
    add_integer_path(network, model.card, images, arguments.weights)
    print(arguments.weights)


if __name__ == "__main__":
    main()
