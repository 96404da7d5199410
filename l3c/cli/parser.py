"""The arguments of `l3c` and their help. Imports nothing that takes time."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from l3c.cli.exits import MEANINGS

_PACKAGE = "l3c-bench"
_IMPORT = "models import"  # one command of two words


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The arguments of a command line; `command` is the name of the command.

    Raises:
        SystemExit: after --help and --version, or with status 2 if something is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="l3c",
        description="Learned lossless image compression. What is decoded is the image that was "
        "encoded, sample by sample, or an error says what is wrong.",
        epilog=_exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_encode, _decode, _info, _verify, _bench, _sample, _train, _models, _import):
        add(commands)
    _compare(commands)
    words = sys.argv[1:] if argv is None else argv
    if words[:2] == _IMPORT.split():
        words = [_IMPORT, *words[2:]]
    return parser.parse_args(words)


def _exit_codes() -> str:
    lines = [f"  {int(code):<4} {meaning}" for code, meaning in MEANINGS.items()]
    return "\n".join(["exit codes:", *lines])


class _Version(argparse.Action):
    """Looks the version up once it is asked for, which takes time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, nargs=0, help="show the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"l3c {_version()}")
        parser.exit()


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version(_PACKAGE)
    except metadata.PackageNotFoundError:  # run from a copy that is not installed
        return "unknown"


def _command(commands: Any, name: str, text: str, more: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=" ".join([text, more]).strip()
    )
    return parser


def _encode(commands: Any) -> None:
    parser = _command(
        commands,
        "encode",
        "Compress images to .l3c files.",
        "Each file is read back from the disk, decoded and compared before it gets its name. One "
        "bad file does not stop the others.",
    )
    _inputs(parser, "images (BMP, GIF, JPEG, PNG, TIFF, WebP) or folders of them; - is stdin")
    _output(parser, "beside its input, as x.l3c")
    parser.add_argument(
        "--strip", action="store_true", help="leave out color profile, EXIF and XMP"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="do not try the fallback on photographs: two to three times as fast, files may be "
        "larger",
    )
    parser.add_argument(
        "--no-verify",
        dest="verify",
        action="store_false",
        help="do not decode what was written; takes half the time",
    )
    parser.add_argument(
        "--tile-side",
        type=_tile_side,
        metavar="PIXELS",
        help="tiles have at most the pixels of a square of this side, 8 to 1024 (default 724); "
        "smaller ones take less memory and cost bytes",
    )
    _writing(parser)
    _coding(parser, "model to encode with: a released name, or a .safetensors file")
    _arithmetic(parser)


def _decode(commands: Any) -> None:
    parser = _command(commands, "decode", "Restore images from .l3c files.")
    _inputs(parser, ".l3c files or folders of them; - is stdin")
    _output(parser, "beside its input, as x.png")
    parser.add_argument("--format", help="png (default), tiff, bmp or webp; all lossless")
    parser.add_argument(
        "--region", type=_region, metavar="X,Y,W,H", help="decode only this part, in pixels"
    )
    parser.add_argument(
        "--salvage",
        action="store_true",
        help="write what a damaged file still holds, samples 0 elsewhere, and list what is lost",
    )
    _writing(parser)
    _coding(parser, "weights of a model that does not come with the package")


def _info(commands: Any) -> None:
    parser = _command(
        commands,
        "info",
        "Say what .l3c files hold: size, tiles, model, metadata, bytes by part.",
        "Nothing is decoded and no model is needed; checksums of the coded bytes are compared.",
    )
    _inputs(parser, ".l3c files or folders of them; - is stdin")
    parser.add_argument("--model", help="weights whose name and scales to use, if they fit")
    _json(parser)


def _verify(commands: Any) -> None:
    parser = _command(
        commands, "verify", "Decode .l3c files, compare all checksums, and write nothing."
    )
    _inputs(parser, ".l3c files or folders of them; - is stdin")
    _coding(parser, "weights of a model that does not come with the package")


def _bench(commands: Any) -> None:
    parser = _command(
        commands,
        "bench",
        "Compare all methods on the RGB images of folders.",
        "Each file is decoded in a fresh process and compared with the image. Images that are not "
        "plain 8-bit RGB are left out and listed. The learned model runs on the CPU.",
    )
    parser.add_argument(
        "folders",
        nargs="+",
        metavar="FOLDER",
        help="folders of images, each searched with the folders below it; one table for each",
    )
    parser.add_argument(
        "--methods",
        help="keys separated by commas, or Python files that define a method; by default all that "
        "are there. Learned: l3c (as encode writes it), l3c_network (the network alone), "
        "l3c_quick (as encode --quick)",
    )
    parser.add_argument(
        "--model",
        action="append",
        help="learned model: a released name, or a .safetensors file; repeatable",
    )
    parser.add_argument(
        "--repeats", type=_positive, default=1, help="timed runs; the median counts"
    )
    group = parser.add_mutually_exclusive_group()
    _json(group)
    group.add_argument("--csv", action="store_true", help="print one row per image and method")
    _quiet(parser)
    _threads(parser)


def _sample(commands: Any) -> None:
    parser = _command(
        commands,
        "sample",
        "Draw what a model expects to see, given only the coarser scales of images.",
        "Writes a PNG for each number of scales that are kept, named as the original names them: "
        "number and name of the image, what is sampled, and the bpsp of what is kept.",
    )
    _inputs(parser, "RGB images, or folders of them; - is stdin")
    parser.add_argument("-o", "--output", required=True, help="folder to write to")
    parser.add_argument("--seed", type=_seed, default=0, help="of the random numbers (default 0)")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    _coding(parser, "model: a released name, or a .safetensors file")


def _train(commands: Any) -> None:
    parser = _command(
        commands,
        "train",
        "Train a model on a folder of photographs.",
        "The same command goes on where an interrupted one stopped. The model's card and metrics "
        "are written beside it.",
    )
    parser.add_argument("folder", help="photographs, searched with the folders below it")
    parser.add_argument("-o", "--output", required=True, help="weights to write, *.safetensors")
    parser.add_argument("--recipe", help="YAML file; by default that of the released model")
    parser.add_argument("--steps", type=_positive, help="instead of the recipe's")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of the recipe, such as train.batch=8; repeatable",
    )
    parser.add_argument(
        "--min-side",
        type=_positive,
        default=512,
        help="least shorter side of a prepared image in pixels (default 512, as in the paper); "
        "photographs need 1.25 times that",
    )
    parser.add_argument(
        "--copies", type=_positive, default=1, help="prepared images per photograph (default 1)"
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="take the images as they are, neither scaled nor chosen",
    )
    parser.add_argument("--data", help="folder for the prepared images (default: beside the model)")
    parser.add_argument(
        "--validation",
        metavar="FOLDER",
        help="other photographs, prepared alike, whose bpsp is measured while training",
    )
    parser.add_argument(
        "--licence", default="not stated", help="of the model, one line for its card"
    )
    parser.add_argument("--force", action="store_true", help="replace a model that exists")
    _json(parser)
    _quiet(parser)
    _threads(parser)


def _models(commands: Any) -> None:
    parser = _command(
        commands,
        "models",
        "List the models that come with the package, and others that are named.",
        "Each is loaded, and its identity compared with its card.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="MODEL",
        help=".safetensors files or folders of them; with --compare files and released names",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="two models or more side by side: size, training, results, and how recipes differ",
    )
    _json(parser)


def _import(commands: Any) -> None:
    parser = _command(
        commands,
        _IMPORT,
        "Import a model of the authors' release (fab-jul/L3C-PyTorch).",
        "Weights are checked, mapped exactly and converted to integers, then written with a card. "
        "Nothing of theirs comes with this package: their licence is unstated.",
    )
    parser.add_argument("checkpoint", help="archive (L3C.tar.gz), folder or checkpoint (.pt)")
    parser.add_argument("-o", "--output", required=True, help="weights to write, *.safetensors")
    parser.add_argument(
        "--calibrate",
        required=True,
        metavar="FOLDER",
        help="photographs on which the conversion to integers is calibrated; 24 of them are used",
    )
    parser.add_argument(
        "--scales",
        type=_positive,
        metavar="S",
        help="of RGB Shared: how often its predictor is applied (default 4, as in the release)",
    )
    parser.add_argument("--force", action="store_true", help="replace a model that exists")
    _json(parser)
    _quiet(parser)
    _threads(parser)


def _compare(commands: Any) -> None:
    parser = _command(
        commands,
        "compare",
        "Set the results of two runs side by side, and say what was changed between them.",
        "Sizes and times are compared over the images that both runs measured, with 95 % "
        "intervals.",
    )
    parser.add_argument("a", metavar="A", help="folder of a run's results, with rows.csv")
    parser.add_argument("b", metavar="B", help="folder of those to be compared with it")
    _json(parser)


def _inputs(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("inputs", nargs="+", metavar="FILE", help=text)


def _output(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "-o",
        "--output",
        help="file, or folder for several inputs, in which folders are mirrored; - is stdout; "
        f"by default {default}",
    )


def _writing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument(
        "--keep-times", action="store_true", help="give outputs the modification times of inputs"
    )


def _coding(parser: argparse.ArgumentParser, model: str) -> None:
    parser.add_argument("--model", help=model)
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default auto"
    )
    _json(parser)
    _quiet(parser)
    _threads(parser)


def _arithmetic(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--arithmetic",
        choices=("integer", "float"),
        help="of the network: integer decodes exactly on every machine, float perhaps only on one "
        "like this; by default integer, or float with a note for a model that has no integers",
    )


def _json(parser: Any) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON text, for scripts")


def _quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")


def _threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=_positive, metavar="N", help="of the processor to use")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)


def _tile_side(text: str) -> int:
    if not text.isdecimal() or not 8 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"expected 8 to 1024 pixels, got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 2^63 - 1, got {text!r}")
    return int(text)


def _region(text: str) -> tuple[int, int, int, int]:
    numbers = text.split(",")
    if len(numbers) != 4 or not all(number.strip().isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"expected x,y,width,height in pixels, got {text!r}")
    x, y, width, height = map(int, numbers)
    return x, y, width, height
