"""Parameters as a CloudFormation template declares them, and the values that they take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlkit.errors import NotFound, UsageError
from mlkit.project.yaml_lines import LineError, load


@dataclass(frozen=True, kw_only=True)
class TemplateParameter:
    """One parameter; `declaration` holds its members, such as AllowedValues, as the template writes them."""

    name: str
    declaration: Mapping[str, Any]

    @property
    def has_default(self) -> bool:
        return "Default" in self.declaration

    @property
    def is_secret(self) -> bool:
        """Whether nobody may print a value of it."""
        return bool(self.declaration.get("NoEcho") == "true")

    def check(self, value: str) -> None:
        """Raises UsageError for a value that CloudFormation would refuse."""
        if not self._takes(value):
            shown = "not allowed" if self.is_secret else repr(value)
            raise UsageError(f"The stack's parameter {self.name} is {shown}", cure=f"It takes {self._wanted()}")

    def _takes(self, value: str) -> bool:
        limit = self.declaration.get
        if value not in limit("AllowedValues", [value]) or not re.fullmatch(limit("AllowedPattern", "(?s:.*)"), value):
            return False
        if limit("Type") != "Number":
            return int(limit("MinLength", 0)) <= len(value) <= int(limit("MaxLength", len(value)))
        try:
            return float(limit("MinValue", "-inf")) <= float(value) <= float(limit("MaxValue", "inf"))
        except ValueError:
            return False

    def _wanted(self) -> str:
        limit = self.declaration.get
        if told := limit("ConstraintDescription"):
            return str(told)
        if allowed := limit("AllowedValues"):
            return f"one of {', '.join(allowed)}."
        if limit("Type") == "Number":
            return f"a number from {limit('MinValue', 'any')} to {limit('MaxValue', 'any')}."
        return f"a text of {limit('MinLength', 0)} to {limit('MaxLength', 'any number of')} characters."


def parameters_of(path: Path) -> dict[str, TemplateParameter]:
    """The template's parameters by name. Raises NotFound without the file, UsageError for what is no template."""
    try:
        declared = load(path.read_text())["Parameters"]
        return {name: TemplateParameter(name=name, declaration=dict(declaration)) for name, declaration in declared.items()}
    except FileNotFoundError as error:
        raise NotFound(f"There is no template {path}", cure="`mlkit new --refresh` brings a project's templates up to date.") from error
    except (LineError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is not a template with parameters", cure="`mlkit check` names the line.") from error
