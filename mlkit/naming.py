"""The names of mlkit's resources on AWS (buckets, stacks, endpoints, jobs, tags, events), and the paths of their templates."""

import re
from dataclasses import dataclass
from pathlib import Path

from mlkit.errors import UsageError

ENVIRONMENTS = ("dev", "qa", "production")
PIPELINE_ENVIRONMENTS = ("qa", "production")  # the stacks that the pipeline's template deploys
ENDPOINT_TEMPLATE = Path("CloudFormation") / "sagemaker_prediction_endpoint.yaml"
DATALAKE_TEMPLATE = Path("CloudFormation") / "datalake.yaml"
FOUNDATION_TEMPLATE = Path("CloudFormation") / "pipeline_foundation.yaml"
ENDPOINT_ROLE_TEMPLATE = Path("CloudFormation") / "pipeline_endpoint_role.yaml"
BUILDS_TEMPLATE = Path("CloudFormation") / "pipeline_builds.yaml"
PIPELINE_TEMPLATE = Path("CloudFormation") / "codepipeline.yaml"
# In the order of deployment, because each imports what the stacks before it export.
PIPELINE_TEMPLATES = (FOUNDATION_TEMPLATE, ENDPOINT_ROLE_TEMPLATE, BUILDS_TEMPLATE, PIPELINE_TEMPLATE)
CONFIGURATIONS = Path("CloudFormation") / "configuration_*.json"  # template configuration files, one per environment
EXECUTION_TAG = "mlkit:pipeline-execution"  # on jobs and stacks of an execution: its id
ENDPOINT_TAG = "mlkit:endpoint"  # on models and endpoint configurations: the endpoint that they were made for
JOB_KEY_TAG = "mlkit:job-key"  # on jobs: the key by which a later run takes over their result
EVENT_SOURCE = "mlkit"  # of the events that a build sends
_EXECUTION_ROLE = "execution-role"
_EVIDENCE_KEY = "evidence-key"
# What each template exports; the exports' names have the initials and `-ml-lab-` before these.
EXPORTS = {
    DATALAKE_TEMPLATE: (_EXECUTION_ROLE,),
    FOUNDATION_TEMPLATE: ("pipeline-key", _EVIDENCE_KEY, "artifact-bucket", "staging-bucket", "evidence-bucket"),
    ENDPOINT_ROLE_TEMPLATE: ("endpoint-stack-role",),
    BUILDS_TEMPLATE: ("model-training", "test-endpoint", "seal-evidence", "verify-approval", "tools-sha256"),
}
ENDPOINT_STACK_SUFFIX = "-endpoint"  # of an endpoint's stack, after the endpoint's name
_LAB = "-ml-lab-"
_DATASET = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_INITIALS = re.compile(r"[a-z][a-z0-9-]{0,18}[a-z0-9]")


@dataclass(frozen=True, kw_only=True)
class LabNames:
    """The lab's names, derived from the initials, for a lake created by template or by hand.

    Only the database's name holds `dataset`; for all other names it may be left out.
    """

    initials: str
    dataset: str = ""

    def __post_init__(self) -> None:
        if not _INITIALS.fullmatch(self.initials):
            raise UsageError(
                f"your_initials is {self.initials!r}: 2 to 20 lower-case letters, digits or hyphens, starting with a letter, are needed",
                cure="Choose initials such as `abc`. They become part of a bucket's name, which allows few characters.",
            )
        if self.dataset and not _DATASET.fullmatch(self.dataset):
            raise UsageError(
                f"dataset is {self.dataset!r}: 2 to 40 lower-case letters, digits or hyphens, starting with a letter, are needed",
                cure="Choose a word such as `movielens`; it becomes part of the database's name.",
            )

    @classmethod
    def of_endpoint(cls, endpoint: str, environment: str) -> "LabNames":
        """The names of the lab of this endpoint. Raises UsageError for an endpoint of another environment."""
        suffix = f"{_LAB}{checked_environment(environment)}"
        if not endpoint.endswith(suffix):
            raise UsageError(
                f"{endpoint} is not the endpoint of {environment}",
                cure="Run notebooks/02_train.ipynb again: it writes the configuration of each environment.",
            )
        return cls(initials=endpoint.removesuffix(suffix))

    @classmethod
    def of_model_group(cls, group: str) -> "LabNames":
        """The names of the lab whose model package group this is."""
        return cls(initials=group.removesuffix(_LAB.rstrip("-")))

    @property
    def prefix(self) -> str:
        """The beginning of all names but the bucket's."""
        return f"{self.initials}{_LAB}"

    @property
    def bucket(self) -> str:
        return f"{self.initials}-ml-id-lab"

    @property
    def database(self) -> str:
        if not self.dataset:
            raise ValueError("these names have no data set, which is part of the database's name")
        return f"{self.prefix}{self.dataset}"

    @property
    def workgroup(self) -> str:
        return self.prefix.rstrip("-")

    @property
    def execution_role_export(self) -> str:
        return f"{self.prefix}{_EXECUTION_ROLE}"

    @property
    def evidence_bucket_export(self) -> str:
        return f"{self.prefix}evidence-bucket"

    @property
    def evidence_key_export(self) -> str:
        return f"{self.prefix}{_EVIDENCE_KEY}"

    @property
    def model_group(self) -> str:
        """The model package group of the registry."""
        return self.prefix.rstrip("-")

    @property
    def datalake_stack(self) -> str:
        return f"{self.prefix}datalake"

    @property
    def pipeline_stack(self) -> str:
        """The stack of PIPELINE_TEMPLATE."""
        return f"{self.prefix}pipeline"

    @property
    def pipeline_stacks(self) -> dict[Path, str]:
        """The stacks of PIPELINE_TEMPLATES, in their order."""
        names = (f"{self.pipeline_stack}-{part}" for part in ("foundation", "endpoint-role", "builds"))
        return dict(zip(PIPELINE_TEMPLATES, (*names, self.pipeline_stack), strict=True))

    def endpoint(self, environment: str) -> str:
        """The endpoint's name. It never changes, because applications use it."""
        return f"{self.prefix}{checked_environment(environment)}"

    def endpoint_stack(self, environment: str) -> str:
        return f"{self.endpoint(environment)}{ENDPOINT_STACK_SUFFIX}"


def is_database(name: str, dataset: str) -> bool:
    """Whether a Glue database of this name, in which a parameter may stand for the initials, is that of the data set."""
    return name.endswith(f"{_LAB}{dataset}")


def checked_environment(environment: str) -> str:
    if environment not in ENVIRONMENTS:
        raise UsageError(f"There is no environment {environment!r}", cure=f"Choose one of: {', '.join(ENVIRONMENTS)}.")
    return environment


def job_prefix(pipeline_execution_id: str) -> str:
    """The prefix of the names of an execution's jobs; SageMaker lists jobs by name. Jobs outside of a pipeline have the id `hand`."""
    return f"ml-{(pipeline_execution_id or 'hand').split('-')[0]}-"
