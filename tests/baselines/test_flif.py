"""How FLIF is found and run; its round trips are in test_classical.py."""

import os
import shutil
import signal
import stat
import subprocess
import sys

import numpy as np
import pytest

from baselines import flif_tool, install_flif
from baselines.base import DecodeError, UnavailableError
from baselines.flif import Flif, FlifRunError

IMAGE = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
INSTALLED = flif_tool.FOLDER / "node_modules" / "flif-wasm"

needs_wasm = pytest.mark.skipif(
    not INSTALLED.is_dir() or flif_tool.find_node() is None,
    reason="flif-wasm is not installed: python -m baselines.install_flif",
)


@pytest.fixture
def no_native(monkeypatch, tmp_path):
    """A PATH with Node.js and no native flif."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    if node := flif_tool.find_node():
        (bin_dir / "node").symlink_to(node)
    monkeypatch.setenv("PATH", str(bin_dir))
    monkeypatch.delenv(flif_tool.OVERRIDE, raising=False)


@pytest.fixture
def program(monkeypatch, tmp_path):
    """FLIF with a native program of some Python code as the only one on the PATH."""

    def program(body):
        path = tmp_path / "flif"
        path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path))
        return Flif()

    return program


VERSION = 'if sys.argv[1] == "-hvv": sys.exit(print("FLIF (Free Lossless Image Format) 9.8 [x]"))'


def comes_back(image=IMAGE):
    return np.array_equal(Flif().decode(Flif().encode(image)), image)


def test_a_native_flif_comes_first(program):
    copy = 'import shutil; shutil.copyfile(sys.argv[-2], sys.argv[-1]); print("harmless")'
    assert program(f"{VERSION}\n{copy}").version() == "FLIF 9.8, native flif"
    assert comes_back()


def test_a_flif_that_fails_does_not_run_or_hangs(program, monkeypatch):
    method = program(f'{VERSION}\nsys.exit("out of luck")')
    with pytest.raises(FlifRunError, match="native flif could not encode: out of luck"):
        method.encode(IMAGE)
    with pytest.raises(DecodeError, match="FLIF: cannot decode: out of luck"):
        method.decode(b"FLIF")
    method = program('sys.exit("library missing")')
    assert method.why_unavailable() == "native flif does not run: library missing"
    method = program(f"{VERSION}\nimport time; time.sleep(60)")
    assert method.available()
    monkeypatch.setattr(flif_tool, "TIMEOUT_S", 0.2)
    with pytest.raises(DecodeError, match="timed out"):
        method.decode(b"FLIF")


@needs_wasm
def test_a_truncated_interlaced_stream():
    """FLIF interlaces larger images, then fills in what a cut file lacks and exits with 0."""
    image = np.random.default_rng(0).integers(0, 256, (104, 104, 3), dtype=np.uint8)
    method = Flif()
    data = method.encode(image)
    assert data.startswith(b"FLIFC")  # interlaced
    for keep in (0.3, 0.5, 0.9, 0.999):
        with pytest.raises(DecodeError, match=r"file end|CORRUPTION|prematurely"):
            method.decode(data[: int(keep * len(data))])


def _wasm():
    tool = flif_tool.find_flif()
    assert isinstance(tool, flif_tool.WasmFlif)
    return tool


@needs_wasm
@pytest.mark.usefixtures("no_native")
def test_a_process_that_died_or_hangs_is_replaced(tmp_path, monkeypatch):
    wasm = _wasm()
    first = wasm._started()
    os.kill(first.pid, signal.SIGSTOP)
    monkeypatch.setattr(flif_tool, "TIMEOUT_S", 0.2)
    with pytest.raises(subprocess.TimeoutExpired):
        wasm.run("-hvv", folder=tmp_path)
    monkeypatch.undo()
    assert first.returncode == -signal.SIGKILL
    assert "FLIF" in wasm.version()
    second = wasm._started()
    second.kill()
    second.wait()
    assert "FLIF" in wasm.version()


@pytest.mark.usefixtures("no_native")
def test_what_is_missing_is_said(monkeypatch, tmp_path):
    if INSTALLED.is_dir():
        with monkeypatch.context() as patch:
            patch.setattr(flif_tool, "find_node", lambda: None)
            assert "needs Node.js" in Flif().why_unavailable()
    monkeypatch.setattr(flif_tool, "FOLDER", tmp_path)
    assert not Flif().available()
    assert "python -m baselines.install_flif" in Flif().why_unavailable()
    with pytest.raises(UnavailableError, match="FLIF is not available"):
        Flif().version()
    monkeypatch.setenv(flif_tool.OVERRIDE, str(tmp_path))
    assert Flif().why_unavailable() == f"L3C_FLIF_WASM={tmp_path} holds no flif-wasm package"


@pytest.mark.usefixtures("no_native")
def test_a_failed_installation_is_a_warning(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(flif_tool, "FOLDER", tmp_path)
    monkeypatch.setattr(install_flif, "npm_command", lambda: None)
    assert install_flif.main([]) == 0
    assert "warning: FLIF will not be measured (npm is missing" in capsys.readouterr().err
    fails = [shutil.which("false", path=os.defpath)]
    monkeypatch.setattr(install_flif, "npm_command", lambda: fails)
    assert install_flif.main(["--strict"]) == 1
    assert "npm ended with 1: no message" in capsys.readouterr().err
