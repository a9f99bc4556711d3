"""A stack's template, configuration file and parameter overrides. All are read before the stack is changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localaws.codepipeline.action import CONFIGURATION, ActionFailed, Job

_CONFIGURATION_KEYS = frozenset({"Parameters", "Tags", "StackPolicy"})
_ATTRIBUTES = ("BucketName", "ObjectKey", "URL")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`members` are members of CreateStack, UpdateStack and CreateChangeSet."""

    members: Mapping[str, Any]


def stack_settings(job: Job) -> Settings:
    """The stack's settings. Overrides replace values of the configuration file. Raises ActionFailed or MissingFile."""
    wanted = job.configuration
    members: dict[str, Any] = {"TemplateBody": job.read(wanted["TemplatePath"]).decode()}
    parameters: dict[str, str] = {}
    if "TemplateConfiguration" in wanted:
        configuration = _object(job.read(wanted["TemplateConfiguration"]), wanted["TemplateConfiguration"])
        if unknown := sorted(configuration.keys() - _CONFIGURATION_KEYS):
            raise _problem(f"The template configuration {wanted['TemplateConfiguration']} has unknown keys: {', '.join(unknown)}")
        parameters = {name: _text(job, name, value) for name, value in configuration.get("Parameters", {}).items()}
        if tags := configuration.get("Tags"):
            members["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        if policy := configuration.get("StackPolicy"):
            members["StackPolicyBody"] = json.dumps(policy)
    if "ParameterOverrides" in wanted:
        overrides = _object(wanted["ParameterOverrides"].encode(), "ParameterOverrides")
        parameters |= {name: _text(job, name, value) for name, value in overrides.items()}
    members["Parameters"] = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    if capabilities := wanted.get("Capabilities"):
        members["Capabilities"] = [name.strip() for name in capabilities.split(",")]
    return Settings(members=members)


def _text(job: Job, name: str, value: Any) -> str:
    """The text of a parameter's value: a text, a list of texts, Fn::GetParam or Fn::GetArtifactAtt."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, Mapping) and len(value) == 1:
        function, arguments = next(iter(value.items()))
        if function == "Fn::GetParam" and isinstance(arguments, list) and len(arguments) == 3:
            return _parameter(job, name, *arguments)
        if function == "Fn::GetArtifactAtt" and isinstance(arguments, list) and len(arguments) == 2:
            return _attribute(job, name, *arguments)
    raise _problem(f"The value of parameter {name} must be a text, a list of texts, Fn::GetParam or Fn::GetArtifactAtt")


def _parameter(job: Job, name: str, artifact: str, file: str, key: str) -> str:
    _check_input(job, name, artifact)
    values = _object(job.read(f"{artifact}::{file}"), f"{artifact}::{file}")
    if key not in values:
        raise _problem(f"Fn::GetParam of parameter {name}: {artifact}::{file} has no {key}")
    return str(values[key])


def _attribute(job: Job, name: str, artifact: str, attribute: str) -> str:
    _check_input(job, name, artifact)
    if attribute not in _ATTRIBUTES:
        raise _problem(f"Fn::GetArtifactAtt of parameter {name}: {attribute} is not one of {', '.join(_ATTRIBUTES)}")
    bucket, key = job.artifacts.bucket, job.inputs[artifact]
    return {"BucketName": bucket, "ObjectKey": key, "URL": f"https://s3.amazonaws.com/{bucket}/{key}"}[attribute]


def _check_input(job: Job, name: str, artifact: str) -> None:
    if artifact not in job.inputs:
        raise _problem(f"Parameter {name} reads the artifact [{artifact}], which is not an input artifact of action {job.action['name']}")


def _object(body: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise _problem(f"{where} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _problem(f"{where} is not a JSON object")
    return value


def _problem(text: str) -> ActionFailed:
    return ActionFailed(text, code=CONFIGURATION)
