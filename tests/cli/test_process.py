"""The command as a process: pipes, start-up, usage, and its name."""

import io
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from command import Run
from PIL import Image
from result_rows import result_row, write_results

from l3c.cli.exits import Exit
from l3c.cli.main import COMMANDS, command_module

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "l3c"]


def test_an_image_goes_through_pipes(photo: Path, model: Path) -> None:
    options = ["--model", str(model), "--threads", "1"]
    encode = [*COMMAND, "encode", "-", *options]
    with (
        photo.open("rb") as image,
        subprocess.Popen(encode, stdin=image, stdout=subprocess.PIPE, cwd=ROOT) as encoding,
    ):
        decode = [*COMMAND, "decode", "-", "--quiet", *options]
        decoded = subprocess.run(decode, stdin=encoding.stdout, capture_output=True, cwd=ROOT)
    assert (encoding.returncode, decoded.returncode, decoded.stderr) == (0, 0, b"")
    back = np.array(Image.open(io.BytesIO(decoded.stdout)))
    assert (back == np.array(Image.open(photo))).all()


SLOW = ("tqdm", "concurrent.futures", "torch", "pandas", "pydantic", "yaml", "psutil")
QUICK = """
import sys
from l3c.cli import main
try: end = main(sys.argv[2:])
except SystemExit as stop: end = stop.code
sys.exit(end or ", ".join(name for name in sys.argv[1].split(",") if name in sys.modules) or 0)
"""


def test_quick_answers_do_not_wait_for_slow_libraries(photo: Path) -> None:
    Image.open(photo).convert("L").save(photo)
    coded, runs = photo.with_suffix(".l3c"), [photo.parent / "one", photo.parent / "other"]
    for run in runs:
        write_results(run / "rows.csv", [result_row()])
    for slow, *words in (
        (SLOW, "--help"),
        (SLOW, "--version"),
        (SLOW, "encode", photo),  # grey, which needs no network
        (SLOW, "decode", coded, "--force"),
        (SLOW, "info", coded),
        (("torch",), "compare", *runs),
    ):
        command = [sys.executable, "-c", QUICK, ",".join(slow), *map(str, words)]
        ended = subprocess.run(command, capture_output=True, cwd=ROOT)
        assert ended.returncode == 0, ended.stderr


def test_stdin_and_stdout_in_one_process(
    run: Run, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content, code in ((photo.read_bytes(), 0), (b"", 1)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        ended = run("encode", "-", "-o", tmp_path / "new.l3c", "--json", "--force")
        assert (ended.code, ended.content["files"][0]["input"]) == (code, "standard input")


@pytest.mark.parametrize(
    "words",
    [
        "encode - x.png",
        "encode x.png y.png -o -",
        "encode x.png -o - --json",
        "encode - -o .",
        f"encode x.png y.png -o {sys.executable}",
        "encode",
        "encode x.png --threads 0",
        "unknown",
        "train . -o x.pt",
        "bench . --csv",
        "compare x",
        "",
    ],
)
def test_wrong_command_lines(run: Run, words: str) -> None:
    ended = run(*words.split())
    assert (ended.code, ended.out == "" or "--json" in words, ended.err != "") == (2, True, True)


def test_help_and_guide_explain_commands_and_exit_codes(run: Run) -> None:
    text = run("--help").out
    guide = (ROOT / "docs" / "command.md").read_text("utf-8")
    for code in Exit:
        assert f"  {int(code):<4} {code.meaning}" in text
        assert f"| {int(code)} | {code.meaning} |" in guide
    for name, summary in COMMANDS.items():
        assert str(command_module(name).__doc__).splitlines()[0] == summary
        assert summary in " ".join(run(*name.split(), "--help").out.split())
        assert f"l3c {name}" in guide
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"l3c": "l3c.cli:main"}
