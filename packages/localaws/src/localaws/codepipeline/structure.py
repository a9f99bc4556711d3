"""Checks a pipeline's declaration as CreatePipeline does, so that errors are found before an execution costs money."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localaws.codepipeline.action_variables import EXECUTION, EXECUTION_KEYS, PIPELINE, Reference, references
from localaws.codepipeline.pipeline_records import names, run_order
from localaws.codepipeline.providers import PROVIDERS, Provider, provider_of
from localaws.kit.members import ANY, Honoured, only, refuse_unhonoured
from localaws.kit.service import AwsError

_ARTIFACT: Mapping[str, Honoured] = {"name": ANY}
_ACTION: Mapping[str, Honoured] = {
    "name": ANY,
    "actionTypeId": ANY,
    "runOrder": ANY,
    "configuration": ANY,
    "inputArtifacts": _ARTIFACT,
    "outputArtifacts": _ARTIFACT,
    "roleArn": ANY,
    "region": ANY,
    "namespace": ANY,
    "timeoutInMinutes": ANY,
}
_PIPELINE: Mapping[str, Honoured] = {
    "name": ANY,
    "roleArn": ANY,
    "artifactStore": {"type": only("S3"), "location": ANY, "encryptionKey": {"id": ANY, "type": only("KMS")}},
    "stages": {"name": ANY, "actions": _ACTION},
    "version": ANY,
    "executionMode": only("QUEUED", "SUPERSEDED"),
    "pipelineType": only("V1", "V2"),
    "variables": ANY,
    "triggers": ANY,
}
_FORMAT = (
    "Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). "
    "The following pipeline execution variables are referencing a {what} that does not exist. "
    "StageName=[{stage}], ActionName=[{action}], ActionConfigurationKey=[{setting}], VariableReferenceText=[{text}]"
)


def check(pipeline: Mapping[str, Any], *, region: str) -> None:
    """Raises AwsError for the first error, or for the first setting that is not honoured."""
    refuse_unhonoured(pipeline, _PIPELINE)
    stages = pipeline["stages"]
    _check_stages(stages)
    _check_type(pipeline)
    for stage, action in _actions(stages):
        _check_action(stage, action, region)
    _check_artifacts(stages)
    _check_variables(pipeline)


def _check_stages(stages: list[dict[str, Any]]) -> None:
    if len(stages) < 2:
        raise _structure(f"Pipeline has only {len(stages)} stages. There should be a minimum of 2 stages in a pipeline")
    if twice := _repeated(stage["name"] for stage in stages):
        raise _structure(f"Stage names must be unique within a pipeline: {twice} is used twice")
    for stage in stages:
        if not stage["actions"]:
            raise AwsError("InvalidStageDeclarationException", f"Stage {stage['name']} has no actions")
        if twice := _repeated(action["name"] for action in stage["actions"]):
            raise AwsError(
                "InvalidStageDeclarationException", f"Action names must be unique within a stage: {stage['name']} has {twice} twice"
            )
    if any(not _is_source(action) for action in stages[0]["actions"]):
        raise _structure("Pipeline should start with a stage that only contains source actions")
    if any(_is_source(action) for stage in stages[1:] for action in stage["actions"]):
        raise _structure("Pipeline should have source actions in its first stage only")


def _check_type(pipeline: Mapping[str, Any]) -> None:
    if "artifactStore" not in pipeline:
        raise _structure("The pipeline has no artifactStore")
    declared = [variable["name"] for variable in pipeline.get("variables", ())]
    if twice := _repeated(declared):
        raise _structure(f"Variable names must be unique within a pipeline: {twice} is used twice")
    if pipeline.get("pipelineType", "V1") == "V2":
        sources = {action["name"]: action["actionTypeId"]["provider"] for action in pipeline["stages"][0]["actions"]}
        for trigger in pipeline.get("triggers", ()):
            name = trigger["gitConfiguration"]["sourceActionName"]
            if sources.get(name) != "CodeStarSourceConnection":
                raise _structure(f"The trigger's source action {name} is not a source action with a connection")
        return
    for member, given in (("variables", declared), ("triggers", pipeline.get("triggers"))):
        if given:
            raise _structure(f"Pipelines of type V1 have no {member}: set pipelineType to V2")
    if pipeline.get("executionMode", "SUPERSEDED") != "SUPERSEDED":
        raise _structure(f"Pipelines of type V1 have no execution mode {pipeline['executionMode']}: set pipelineType to V2")


def _check_action(stage: str, action: Mapping[str, Any], region: str) -> None:
    provider, kind, name = provider_of(action), action["actionTypeId"], action["name"]
    if provider is None:
        wanted = ", ".join(f"{part}: '{kind[part.lower()]}'" for part in ("Category", "Provider", "Owner", "Version"))
        raise _action(f"ActionType ({wanted}) in action '{name}' is not honoured by the local AWS. It has: {_honoured()}")
    configuration = action.get("configuration", {})
    for key in configuration:
        if key not in provider.required | provider.optional:
            raise _action(f"Action configuration for action '{name}' contains unknown configuration '{key}'")
    for key in sorted(provider.required - configuration.keys()):
        raise _action(f"Action configuration for action '{name}' is missing required configuration '{key}'")
    for problem in provider.problems(action):
        raise _action(f"Action configuration for action '{name}' in stage '{stage}': {problem}")
    _check_counts(action, provider)
    if action.get("region", region) != region:
        raise _action(f"The local AWS does not honour actions in other regions: {name} is in {action['region']}")
    if "timeoutInMinutes" in action and kind["category"] != "Approval":
        raise _action(f"timeoutInMinutes is for manual approvals only, not for action '{name}'")
    if action.get("namespace") in (EXECUTION, PIPELINE):
        raise _action(f"The namespace {action['namespace']} of action '{name}' is reserved")


def _honoured() -> str:
    return ", ".join(sorted({f"{category} {provider}" for category, _, provider in PROVIDERS}))


def _check_counts(action: Mapping[str, Any], provider: Provider) -> None:
    for word, member, (least, most) in (
        ("input", "inputArtifacts", provider.inputs),
        ("output", "outputArtifacts", provider.outputs),
    ):
        count = len(action.get(member, ()))
        if not least <= count <= most:
            limit = f"at least {least}" if count < least else f"at most {most}"
            raise _action(f"Action {action['name']} declares {count} {word} artifacts, {limit} are allowed for its type")


def _check_artifacts(stages: list[dict[str, Any]]) -> None:
    made: dict[str, tuple[int, int]] = {}
    actions = [(index, action) for index, stage in enumerate(stages) for action in stage["actions"]]
    for index, action in actions:
        for artifact in names(action.get("outputArtifacts")):
            if artifact in made:
                raise _structure(
                    f"Output Artifact Bundle name must be unique within the pipeline. {artifact} has been used more than once."
                )
            made[artifact] = (index, run_order(action))
    for index, action in actions:
        for artifact in names(action.get("inputArtifacts")):
            if artifact not in made or made[artifact] >= (index, run_order(action)):
                raise _action(
                    f"Input Artifact Bundle {artifact} in action {action['name']} is not declared as Output Artifact Bundle "
                    "in any of the preceding actions"
                )


def _check_variables(pipeline: Mapping[str, Any]) -> None:
    stages = pipeline["stages"]
    given = [action["namespace"] for _, action in _actions(stages) if "namespace" in action]
    if twice := _repeated(given):
        raise _structure(f"Namespaces must be unique within the pipeline: {twice} is used more than once")
    artifacts = {artifact for _, action in _actions(stages) for artifact in names(action.get("outputArtifacts"))}
    if shared := artifacts.intersection(given):
        raise _structure(f"The namespace {min(shared)} is the name of an artifact as well")
    own = frozenset(variable["name"] for variable in pipeline.get("variables", ()))
    known: dict[str, frozenset[str] | None] = {EXECUTION: EXECUTION_KEYS, **({PIPELINE: own} if own else {})}
    for stage in stages:
        for order in sorted({run_order(action) for action in stage["actions"]}):
            together = [action for action in stage["actions"] if run_order(action) == order]
            for action in together:
                for reference in references(action.get("configuration", {})):
                    _check_reference(stage["name"], action, reference, known)
            for action in together:
                if "namespace" in action and (provider := provider_of(action)) is not None:
                    known[action["namespace"]] = provider.variables


def _check_reference(stage: str, action: Mapping[str, Any], reference: Reference, known: Mapping[str, frozenset[str] | None]) -> None:
    keys = known.get(reference.namespace, frozenset())
    if reference.namespace in known and (keys is None or reference.key in keys) and reference.key:
        return
    what = "key" if reference.namespace in known else "namespace"
    raise _action(_FORMAT.format(what=what, stage=stage, action=action["name"], setting=reference.setting, text=reference.text))


def _actions(stages: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for stage in stages:
        for action in stage["actions"]:
            yield stage["name"], action


def _is_source(action: Mapping[str, Any]) -> bool:
    return bool(action["actionTypeId"]["category"] == "Source")


def _repeated(values: Iterable[str]) -> str | None:
    return next((value for value, count in Counter(values).items() if count > 1), None)


def _structure(message: str) -> AwsError:
    return AwsError("InvalidStructureException", message)


def _action(message: str) -> AwsError:
    return AwsError("InvalidActionDeclarationException", message)
