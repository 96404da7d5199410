"""What all tests have in common."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The longest files first: with one file on each core, they are not waited for at the end."""
    items.sort(key=lambda item: "/workflow/" not in item.nodeid)
