"""What several checks of one AWS need, fetched once: caller, stacks, table, execution role."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlkit.aws import pipeline_source
from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import deploy_command
from mlkit.doctor.read_only_session import ReadingSession
from mlkit.errors import AccessDenied, NotFound
from mlkit.naming import BUILDS_TEMPLATE, DATALAKE_TEMPLATE, ENDPOINT_TEMPLATE, PIPELINE_TEMPLATE, LabNames
from mlkit.parameters import read_parameters
from mlkit.project.yaml_lines import load
from mlkit.settings import Project

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import StackTypeDef
    from types_boto3_glue.type_defs import TableTypeDef
    from types_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A quota's value for the account, and the code that a request for more names."""

    value: float
    code: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """The AWS that the environment points to. A property calls AWS on first use, and raises AWS's error.

    `is_account` is set if the user asked for an account. `deploys` is the command that deploys lake and pipeline here; it is empty if
    each has its own.
    """

    names: LabNames
    project: Project
    is_account: bool = False
    deploys: str = ""
    now: Callable[[], datetime] = _now
    make_session: Callable[[], Session] = ReadingSession

    @cached_property
    def aws(self) -> Session:
        return self.make_session()

    @cached_property
    def caller(self) -> "GetCallerIdentityResponseTypeDef":
        """GetCallerIdentity's answer, with its headers."""
        with aws_errors():
            return self.aws.client("sts").get_caller_identity()

    @property
    def id(self) -> str:
        return self.caller["Account"]

    @property
    def partition(self) -> str:
        return self.caller["Arn"].split(":")[1]

    @cached_property
    def lake_stack(self) -> "StackTypeDef | None":
        return self._stack(self.names.datalake_stack)

    @cached_property
    def is_new(self) -> bool:
        """Whether neither the lake's stack nor its bucket exists: the lake is not deployed yet."""
        try:
            if self.lake_stack is None:
                with aws_errors():
                    self.aws.client("s3").head_bucket(Bucket=self.names.bucket)
        except NotFound:
            return True
        except AccessDenied:
            pass  # the lake may exist
        return False

    @cached_property
    def pipeline_stacks(self) -> Mapping[str, "StackTypeDef | None"]:
        """The pipeline's stacks by name, in the order of deployment."""
        return {name: self._stack(name) for name in self.names.pipeline_stacks.values()}

    @cached_property
    def production_stack(self) -> "StackTypeDef | None":
        """The stack of production's endpoint, which the pipeline deploys."""
        return self._stack(self.names.endpoint_stack("production"))

    def stack_resources(self) -> Iterator[tuple[str, str, str]]:
        """Type, name in the template and id of each resource of the lake's and the pipeline's stacks."""
        stacks = (self.lake_stack, *self.pipeline_stacks.values())
        for stack in filter(None, stacks):
            pages = self.aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack["StackName"])
            for item in (one for page in pages for one in page["StackResourceSummaries"]):
                yield item["ResourceType"], item["LogicalResourceId"], item.get("PhysicalResourceId", "")

    @cached_property
    def table(self) -> "TableTypeDef":
        """The Glue table that 01_prep reads."""
        with aws_errors():
            return self.aws.client("glue").get_table(DatabaseName=self.names.database, Name=self.table_name)["Table"]

    @property
    def table_name(self) -> str:
        return str(self.parameter("01_prep", "table"))

    @cached_property
    def execution_role(self) -> str:
        """The ARN of the role of training jobs and models. Raises NotFound."""
        from mlkit.aws.data_lake import find_execution_role

        return find_execution_role(self.aws, self.names.initials, str(self.parameter("02_train", "execution_role")))

    def quotas(self, service: str) -> Mapping[str, Quota]:
        """The service's quotas by name. Each service is asked once, because a long list takes many pages."""
        if service not in self._quotas:
            pages = self.aws.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode=service)
            items = [item for page in pages for item in page["Quotas"]]
            self._quotas[service] = {item["QuotaName"]: Quota(value=item["Value"], code=item.get("QuotaCode", "")) for item in items}
        return self._quotas[service]

    @cached_property
    def _quotas(self) -> dict[str, Mapping[str, Quota]]:
        return {}

    @cached_property
    def price_list_region(self) -> str:
        """The region that answers for AWS's price list; empty where the partition has none."""
        session = self.aws.boto_session
        regions = session.get_available_regions("pricing", partition_name=session.get_partition_for_region(self.aws.region))
        return "us-east-1" if "us-east-1" in regions else next(iter(regions), "")

    @property
    def train_instance_type(self) -> str:
        """The instance type of training jobs: the builds' stack's, unless it leaves the choice to 02_train."""
        return self._given(BUILDS_TEMPLATE, "TrainInstanceType") or str(self.parameter("02_train", "instance_type"))

    @property
    def endpoint_instance_type(self) -> str:
        """The instance type of endpoints: the builds' stack's, that of 02_train, or the default of the endpoint's template."""
        own = self._given(BUILDS_TEMPLATE, "EndpointInstanceType") or str(self.parameters("02_train").get("endpoint_instance_type", ""))
        return own or str(load((self.project.root / ENDPOINT_TEMPLATE).read_text())["Parameters"]["InstanceType"]["Default"])

    @property
    def production_instances(self) -> int:
        """How many instances production's endpoint may have: those of the pipeline's stack, or up to which it scales."""
        given = (self._given(PIPELINE_TEMPLATE, name) for name in ("ProductionInstanceCount", "ProductionMaxInstanceCount"))
        return max(1, *(int(number or 0) for number in given))

    def _given(self, template: Path, parameter: str) -> str:
        """The value in the template's stack; empty without one, and if the stack leaves the choice to the notebook."""
        try:
            stack = self.pipeline_stacks[self.names.pipeline_stacks[template]]
        except AccessDenied:
            return ""
        found = stack.get("Parameters", []) if stack else []
        given = {item["ParameterKey"]: item.get("ParameterValue", "") for item in found}
        return given.get(parameter, "").removeprefix("notebook")

    def parameters(self, notebook: str) -> dict[str, Any]:
        """The notebook's parameters with their defaults, which a run without -p takes."""
        return {parameter.name: parameter.default for parameter in read_parameters(self.project.root / "notebooks" / f"{notebook}.ipynb")}

    def parameter(self, notebook: str, name: str) -> Any:
        """One parameter's default."""
        return self.parameters(notebook)[name]

    @property
    def deploy_lake(self) -> str:
        """The command that deploys the lake."""
        return self._deployed_by(deploy_command(DATALAKE_TEMPLATE, self.names.datalake_stack, {"YourInitials": self.names.initials}))

    @property
    def deploy_pipeline(self) -> str:
        given = f"Email=you@example.com {pipeline_source.ARGUMENTS}"
        return self._deployed_by(f"mlkit pipeline deploy --your-initials {self.names.initials} {given}")

    def _deployed_by(self, command: str) -> str:
        return f"`{self.deploys}` deploys it" if self.deploys else f"`{command}`"

    def _stack(self, name: str) -> "StackTypeDef | None":
        try:
            with aws_errors():
                return self.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except NotFound:
            return None
