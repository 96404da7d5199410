"""Snakemake on the repository's workflow, in a folder of the test's own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


class Workflow:
    """Runs `snakemake` with a working directory and a configuration of its own."""

    def __init__(self, folder, configfile):
        self.folder = folder
        self.configfile = configfile

    def command(self, *args):
        return [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
            *("--directory", str(self.folder), "--configfile", str(self.configfile)),
            *("--cores", "2", *args),
        ]

    def run(self, *args):
        """Return code and all output in one text."""
        result = subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=600,
        )
        return result.returncode, result.stdout

    def planned(self, *args):
        """What a run would do: rule, or rule and the values of its wildcards."""
        code, text = self.run("--dry-run", *args)
        assert code == 0, text
        jobs = re.findall(r"rule (\w+):\n((?:    .*\n)+)", text)
        found = [(rule, re.search(r"wildcards: (.*)", lines)) for rule, lines in jobs]
        return {(rule, *re.findall(r"=([\w-]+)", wild[1] if wild else "")) for rule, wild in found}


@pytest.fixture
def make_workflow(tmp_path):
    """A workflow that measures classical codecs; keywords replace keys of `evaluate`."""

    def make(datasets=None, **evaluate):
        config = {
            "run": "out",
            "datasets": datasets or {"toy": {"source": "embedded", "subset": "test"}},
            "evaluate": {"datasets": list(datasets or ["toy"]), "methods": ["png"]} | evaluate,
            "notebooks": [],
            "timing": None,
        }
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        return Workflow(tmp_path, path)

    return make


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """The smoke configuration, run once; its recipes are copies that a test may edit."""
    folder = tmp_path_factory.mktemp("smoke")
    shutil.copytree(ROOT / "config", folder / "config")
    workflow = Workflow(folder, folder / "config" / "smoke.yaml")
    code, text = workflow.run()
    assert code == 0, text
    return workflow
