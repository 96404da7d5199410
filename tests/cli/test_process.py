"""The command as a process: pipes, start-up, usage, and its name."""

import io
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from command import Run
from PIL import Image
from result_rows import result_row, write_results

from l3c.cli import main
from l3c.cli.exits import Exit
from l3c.cli.main import COMMANDS, command_module, parse

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "l3c"]


def test_an_image_goes_through_pipes(photo: Path, model: Path) -> None:
    options = ["--model", str(model), "--threads", "1"]
    with photo.open("rb") as image:
        encode = subprocess.Popen(
            [*COMMAND, "encode", "-", *options], stdin=image, stdout=subprocess.PIPE, cwd=ROOT
        )
        decode = [*COMMAND, "decode", "-", "--quiet", *options]
        decoded = subprocess.run(decode, stdin=encode.stdout, capture_output=True, cwd=ROOT)
    assert encode.stdout is not None
    encode.stdout.close()
    assert (encode.wait(), decoded.returncode, decoded.stderr) == (0, 0, b"")
    back = np.array(Image.open(io.BytesIO(decoded.stdout)))
    assert (back == np.array(Image.open(photo))).all()


def test_a_reader_that_stops_is_no_error(photo: Path, tmp_path: Path) -> None:
    assert main(["encode", str(photo), "-q"]) == 0
    command = [*COMMAND, "info", *[str(photo.with_suffix(".l3c"))] * 100]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_quick_answers_do_not_wait_for_pytorch(photo: Path) -> None:
    assert main(["encode", str(photo), "-q"]) == 0
    code = (
        "import sys; from l3c.cli import main\n"
        "try: end = main(sys.argv[1:])\n"
        "except SystemExit as stop: end = stop.code\n"
        "assert not end and 'torch' not in sys.modules"
    )
    run = photo.parent / "run"
    write_results(run / "rows.csv", [result_row()])
    for arguments in (
        ["--help"],
        ["--version"],
        ["info", str(photo.with_suffix(".l3c"))],
        ["compare", str(run), str(run)],
    ):
        command = [sys.executable, "-c", code, *arguments]
        assert subprocess.run(command, stdout=subprocess.DEVNULL, cwd=ROOT).returncode == 0


def test_stdin_and_stdout_in_one_process(
    run: Run, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo.read_bytes())))
    ended = run("encode", "-", "-o", tmp_path / "new.l3c", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["files"][0]["input"] == "standard input"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    ended = run("encode", "-", "-o", tmp_path / "other.l3c")
    assert (ended.code, ended.err) == (1, "l3c: standard input: empty file\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["encode", "-", "x.png"], "must be the only input"),
        (["encode", "x.png", "y.png", "-o", "-"], "needs exactly one input file"),
        (["encode", "x.png", "-o", "-", "--json"], "cannot both go to standard output"),
        (["encode", "-", "-o", "."], "is a folder; standard input has no name"),
        (["encode", "x.png", "y.png", "-o", sys.executable], "several inputs need a folder"),
        (["encode"], "the following arguments are required"),
        (["encode", "x.png", "--threads", "0"], "expected 1 to "),
        (["unknown"], "invalid choice"),
        (["train", ".", "-o", "x.pt"], "must end in .safetensors"),
        (["bench", ".", "--json", "--csv"], "not allowed with"),
    ],
)
def test_wrong_command_lines(run: Run, arguments: list[str], message: str) -> None:
    ended = run(*arguments)
    assert ended.code == 2
    assert message in ended.err


def test_help_and_guide_say_what_exit_codes_mean(run: Run) -> None:
    text = run("--help").out
    guide = (ROOT / "docs" / "command.md").read_text("utf-8")
    for code in Exit:
        assert f"  {int(code):<4} {code.meaning}" in text
        assert f"| {int(code)} | {code.meaning} |" in guide


def test_each_command_has_a_module_whose_help_begins_alike(run: Run) -> None:
    for name, text in COMMANDS.items():
        assert str(command_module(name).__doc__).splitlines()[0] == text
        assert text in " ".join(run(*name.split(), "--help").out.split())


def test_the_command_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"l3c": "l3c.cli:main"}
    assert parse(["info", "x.l3c"]).command == "info"
