"""The tables of a run, each a function in a module of this package."""

from importlib import import_module
from pkgutil import iter_modules

from l3c.bench.tables.layout import TABLES, write_table

__all__ = ["TABLES", "write_table"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
