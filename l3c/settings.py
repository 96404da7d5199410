"""What all typed settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError


class FrozenSettings(BaseModel):
    """Frozen settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def explain(error: ValidationError) -> str:
    """One line: every value that pydantic refuses, and why."""
    problems = []
    for item in error.errors():
        where = ".".join(map(str, item["loc"]))
        problems.append(f"{where} = {item['input']!r}: {item['msg']}" if where else item["msg"])
    return "; ".join(problems)
