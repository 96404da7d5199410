"""What all typed settings have in common: they are frozen, and say what is wrong with a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator


class FrozenSettings(BaseModel):
    """Frozen settings; an unknown key is an error that lists the allowed ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: Any) -> Any:
        known = cls.model_fields
        keys = map(str, values) if isinstance(values, Mapping) else ()
        if unknown := [unknown_name("key", key, known) for key in keys if key not in known]:
            raise ValueError("; ".join(unknown))
        return values


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Message for a name that is none of the known ones, which it lists."""
    return f'unknown {kind} "{name}". Allowed: {", ".join(known) or "none"}'


def problems(error: ValidationError, prefix: str = "") -> list[str]:
    """One line for each problem that pydantic found: key, value, what is wrong.

    Args:
        error: of settings.
        prefix: goes before each key, such as "model.".
    """
    lines = []
    for item in error.errors():
        where = (prefix + ".".join(str(key) for key in item["loc"])).rstrip(".")
        message = item["msg"].removeprefix("Value error, ")
        plain = isinstance(item["input"], str | int | float | list | tuple)
        shown = f" = {item['input']!r}" if plain and item["type"] != "missing" else ""
        lines.append(f"{where}{shown}: {message}".removeprefix(": "))
    return lines
