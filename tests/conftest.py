"""What all tests have in common."""

import pytest
from command import Ended

from l3c.cli import main


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The longest files first: with one file on each core, they are not waited for at the end."""
    items.sort(key=lambda item: "/workflow/" not in item.nodeid)


@pytest.fixture
def run(capsys):
    """Runs the command with some arguments."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        return Ended(code, *capsys.readouterr())

    return run
