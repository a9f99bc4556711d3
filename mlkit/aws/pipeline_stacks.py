"""The stacks of the pipeline. Parameters are assigned to them, and compared with their templates, before anything is deployed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlkit.aws.data_lake import deploy_command as lake_command
from mlkit.aws.session import Session
from mlkit.aws.stacks import NEVER_CREATED, OnEvent, Stack, deploy_command, deploy_stack, find_export, find_stack
from mlkit.aws.template_parameters import TemplateParameter, parameters_of
from mlkit.errors import NotFound, UsageError
from mlkit.naming import LabNames
from mlkit.project.pipeline_steps import nearest


@dataclass(frozen=True, kw_only=True)
class PlannedStack:
    """A stack to be deployed. `declared` holds its template's parameters, `given` values for some of them."""

    name: str
    template: Path
    declared: Mapping[str, TemplateParameter]
    given: Mapping[str, str]

    @property
    def command(self) -> str:
        """The AWS CLI command that does the same. In place of a secret it has a shell variable with the parameter's name."""
        secrets = {name for name in self.given if self.declared[name].is_secret}
        return deploy_command(self.template, self.name, self.given, hidden=secrets)

    @property
    def missing(self) -> list[str]:
        """The parameters without which the stack cannot be created."""
        return [name for name, parameter in self.declared.items() if not parameter.has_default and name not in self.given]

    def deploy(self, aws: Session, root: Path, *, on_event: OnEvent | None = None) -> Stack:
        """Create or update the stack and wait, as `deploy_stack` does."""
        return deploy_stack(aws, self.name, root / self.template, self.given, capabilities=("CAPABILITY_IAM",), on_event=on_event)


def plan(root: Path, names: LabNames, given: Mapping[str, str]) -> tuple[PlannedStack, ...]:
    """The pipeline's stacks in the order of deployment, each with the parameters that its template declares.

    Raises UsageError for a parameter that no template declares, and for a value that the template does not allow.
    """
    stacks = {stack: (template, parameters_of(root / template)) for template, stack in names.pipeline_stacks.items()}
    about = {"YourInitials": names.initials, "Dataset": names.dataset}
    _check_given(given, {name: one for _, declared in stacks.values() for name, one in declared.items()}, about)
    values = {**given, **about}
    return tuple(
        PlannedStack(name=stack, template=template, declared=declared, given={name: values[name] for name in declared if name in values})
        for stack, (template, declared) in stacks.items()
    )


def check_deployable(aws: Session, names: LabNames, planned: Sequence[PlannedStack]) -> None:
    """Raises UsageError if a stack that does not exist lacks a parameter, NotFound if the data lake is not deployed."""
    for stack in planned:
        if stack.missing and not _exists(aws, stack.name):
            added = " ".join(f"{name}=VALUE" for name in stack.missing)
            raise UsageError(f"The new stack {stack.name} needs {' and '.join(stack.missing)}", cure=f"Add {added} to the command.")
    if find_export(aws, names.execution_role_export) is None:
        raise NotFound(f"No stack exports {names.execution_role_export}", cure=f"Deploy the data lake first: `{lake_command(names)}`.")


def _check_given(given: Mapping[str, str], declared: Mapping[str, TemplateParameter], about: Mapping[str, str]) -> None:
    """Raises UsageError for an unknown parameter, for a value that is not allowed, and for one that contradicts the project."""
    for name, value in given.items():
        if name not in declared:
            told = f"No template of the pipeline declares the parameter {name}{nearest(name, declared)}"
            raise UsageError(told, cure=f"Choose from {', '.join(declared)}.")
        if about.get(name, value) != value:
            cure = "--your-initials sets YourInitials; `dataset` in mlkit.yml sets Dataset."
            raise UsageError(f"{name} is {value!r}, but the project's is {about[name]!r}", cure=cure)
        declared[name].check(value)


def _exists(aws: Session, name: str) -> bool:
    found = find_stack(aws, name)
    return found is not None and found.status not in NEVER_CREATED
