"""The command as a process: pipes, start-up, usage, its name; streams that are full or closed.

Signals that end it: early, in its midst, several at once; and nothing stays behind.
"""

import io
import json
import os
import resource
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from command import files_in
from PIL import Image
from result_rows import result_row, write_results

from l3c.cli import encode, main
from l3c.cli.exits import Exit
from l3c.cli.main import COMMANDS, command_module

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "l3c"]
NAMES = ["фото.png", os.fsdecode(b"\xff.png"), "a\u0308\u2603.png"]


def l3c(*arguments, before=None, env=(), **streams):
    """Runs the command as a process; `before` runs in it first."""
    command = [*COMMAND, *map(os.fspath, arguments)]
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    how |= {"preexec_fn": before, "env": {**os.environ, **dict(env)}, "cwd": ROOT}
    return subprocess.run(command, **how | streams)


@pytest.fixture
def noise(tmp_path):
    """A grey image, which needs no network, of more bytes than a pipe holds."""
    path = tmp_path / "noise.png"
    samples = np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8)
    Image.fromarray(samples).save(path)
    return path


@pytest.fixture
def coded(noise):
    assert main(["encode", str(noise), "-q"]) == 0
    return noise.with_suffix(".l3c")


def small_disk():
    """Files end after 1,000 bytes, at which the system cuts a write short first."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_no_success(coded, tmp_path, unbuffered):
    env = {"PYTHONUNBUFFERED": unbuffered}
    with (tmp_path / "out").open("wb") as out:
        ended = l3c("info", *[coded] * 9, "--json", stdout=out, before=small_disk, env=env)
    assert (ended.returncode, ended.stderr.count(b"\n")) == (1, 1)
    with Path("/dev/full").open("wb") as full:
        path = coded.with_suffix(".png")
        ended = l3c("encode", path, "-o", "-", stdout=full, env=env)
    assert (ended.returncode, ended.stderr[:23]) == (1, b"l3c: standard output: c")


def test_closed_streams_take_no_file(noise, tmp_path):
    ended = l3c("encode", noise, "-q", before=lambda: [os.close(n) for n in range(3)])
    assert (ended.returncode, noise.with_suffix(".l3c").stat().st_size > 9) == (0, True)
    for stream, words in ((1, ["encode", noise, "-o", "-"]), (0, ["encode", "-", "-o", "x.l3c"])):
        ended = l3c(*words, before=lambda: os.close(stream))  # noqa: B023
        assert (ended.returncode, ended.stderr.count(b"\n")) == (1, 1)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["encode", "info"])
def test_output_that_nobody_reads_is_no_success(coded, command, unbuffered):
    arguments = {"encode": [str(coded.with_suffix(".png")), "-o", "-"], "info": [str(coded)] * 999}
    reader, writer = os.pipe()
    with subprocess.Popen(
        [*COMMAND, command, *arguments[command]],
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        cwd=ROOT,
    ) as process:
        os.close(writer)
        os.read(reader, 10)
        os.close(reader)
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_name_of_a_file_can_be_printed(tmp_path, encoding):
    folder = tmp_path / "folder"
    folder.mkdir()
    env = {"PYTHONIOENCODING": f"{encoding}:strict"}
    for name in NAMES:
        Image.fromarray(np.zeros((3, 5), np.uint8)).save(folder / name, format="PNG")
    ended = l3c("encode", folder, env=env)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.decode(encoding).count(" -> ") == 2 * len(NAMES) + 1
    ended = l3c("encode", folder, env=env)
    assert (ended.returncode, ended.stderr.decode(encoding).count("\n")) == (1, len(NAMES))
    ended = l3c("verify", folder, "--json", env=env)
    content = json.loads(ended.stdout.decode("utf-8"))  # whatever the terminal's encoding is
    found = {os.fsencode(file["input"]) for file in content["files"]}
    assert ended.returncode == 0
    assert found == {os.fsencode((folder / name).with_suffix(".l3c")) for name in NAMES}


def test_quiet_silences_libraries_but_no_error(noise):
    code = (
        "import logging, os, sys, warnings\n"
        "from l3c.cli import encode, main\n"
        "def read(*arguments):\n"
        "    os.write(2, b'noise of C')\n"
        "    warnings.warn('noise of Python')\n"
        "    logging.warning('noise of a log')\n"
        "    return real(*arguments)\n"
        "real, encode.read_picture = encode.read_picture, read\n"
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "encode", str(noise), "nowhere.png"]
    loud, quiet = (
        subprocess.run([*command, *more], capture_output=True, cwd=ROOT)
        for more in ([], ["--force", "-q"])
    )
    assert all(b"noise of " + each in loud.stderr for each in (b"C", b"Python", b"a log"))
    assert (quiet.stdout, quiet.stderr.count(b"\n")) == (b"", 1)
    assert quiet.stderr.startswith(b"l3c: nowhere.png: ")


def test_an_image_goes_through_pipes(photo, model):
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
    ended = l3c("encode", "-", "-o", photo.with_suffix(".l3c"), "--json")  # of nothing
    [file] = json.loads(ended.stdout)["files"]
    assert (ended.returncode, file["input"]) == (1, "standard input")


HEAVY = ("tqdm", "concurrent.futures", "torch", "pandas", "pydantic", "yaml", "psutil")
QUICK = """
import sys
from l3c.cli import main
try: end = main(sys.argv[2:])
except SystemExit as stop: end = stop.code
sys.exit(end or ", ".join(name for name in sys.argv[1].split(",") if name in sys.modules) or 0)
"""


def test_quick_answers_do_not_wait_for_slow_libraries(photo):
    Image.open(photo).convert("L").save(photo)
    coded, runs = photo.with_suffix(".l3c"), [photo.parent / "one", photo.parent / "other"]
    for run in runs:
        write_results(run / "rows.csv", [result_row()])
    for slow, *words in (
        (HEAVY, "--help"),
        (HEAVY, "--version"),
        (HEAVY, "encode", photo),  # grey, which needs no network
        (HEAVY, "decode", coded, "--force"),
        (HEAVY, "info", coded),
        (("torch",), "compare", *runs),
    ):
        command = [sys.executable, "-c", QUICK, ",".join(slow), *map(str, words)]
        ended = subprocess.run(command, capture_output=True, cwd=ROOT)
        assert ended.returncode == 0, ended.stderr


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
def test_wrong_command_lines(run, words):
    ended = run(*words.split())
    assert (ended.code, ended.out == "" or "--json" in words, ended.err != "") == (2, True, True)


def test_help_and_guide_explain_commands_and_exit_codes(run):
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


# Python runs this first. The process interrupts itself when it is about to import a module.
EARLY = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Finder:
    def find_spec(name, path=None, target=None):
        if name == os.environ["INTERRUPTED_AT"]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
"""


@pytest.mark.parametrize("module", ["l3c.cli.exits", "l3c.cli.encode"])
def test_an_interrupt_while_the_command_starts(photo, tmp_path, module):
    (tmp_path / "sitecustomize.py").write_text(EARLY)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    ended = l3c("encode", photo, env={"PYTHONPATH": path, "INTERRUPTED_AT": module})
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"l3c: interrupted\n")


@pytest.mark.parametrize(
    ("numbers", "ignored", "word"),
    [
        ([signal.SIGINT], False, "interrupted"),
        ([signal.SIGTERM], False, "terminated"),
        ([signal.SIGHUP], False, "the terminal was closed"),
        ([signal.SIGHUP, signal.SIGTERM], False, "the terminal was closed"),
        ([signal.SIGHUP], True, ""),  # as by nohup
    ],
)
def test_a_signal_leaves_nothing_or_stays_ignored(run, photo, monkeypatch, numbers, ignored, word):
    def interrupt(*args, **options):
        try:
            signal.raise_signal(numbers[0])
        finally:
            for number in numbers[1:]:
                signal.raise_signal(number)
        return real(*args, **options)

    real = encode.decodes_to
    monkeypatch.setattr(encode, "decodes_to", interrupt)
    # A job in the background ignores Ctrl-C, one under nohup SIGHUP; tests may be such a job.
    handlers = {number: signal.SIG_IGN if ignored else signal.SIG_DFL for number in numbers}
    handlers |= {signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        ended = run("encode", photo, "-q")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended == ((0, "", "") if ignored else (130, "", f"l3c: {word}\n"))
    assert files_in(photo.parent) == ["photo.l3c"] * ignored + ["photo.png"]


SLOW = """
import os, time
print("method", os.getpid(), flush=True)
def encode(image):
    time.sleep(60)
decode = encode
"""


def test_ctrl_c_of_a_terminal_ends_a_method_without_a_traceback(photo, tmp_path):
    """The signal goes to all processes of the group in the foreground."""
    (tmp_path / "slow.py").write_text(SLOW)
    folder, scratch = tmp_path / "folder", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    photo.rename(folder / "photo.png")
    with subprocess.Popen(
        [*COMMAND, "bench", str(folder), "--methods", str(tmp_path / "slow.py")],
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        cwd=ROOT,
    ) as process:
        process.stderr.readline()  # loaded to be checked
        method = int(process.stderr.readline().split()[1])  # loaded to be measured
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr.read() == b"l3c: interrupted\n"
    assert (process.returncode, files_in(scratch)) == (130, [])
    with pytest.raises(ProcessLookupError):
        os.kill(method, 0)
