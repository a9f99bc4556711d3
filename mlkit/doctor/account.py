"""What several checks of one AWS need, fetched once: caller, stacks, table, execution role."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import deploy_command
from mlkit.doctor.read_only_session import ReadingSession
from mlkit.errors import AccessDenied, NotFound
from mlkit.naming import DATALAKE_TEMPLATE, LabNames
from mlkit.parameters import read_parameters
from mlkit.settings import Project

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import StackTypeDef
    from types_boto3_glue.type_defs import TableTypeDef
    from types_boto3_sts.type_defs import GetCallerIdentityResponseTypeDef


def _now() -> datetime:
    return datetime.now(UTC)


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
        given = "Email=you@example.com GitHubUser=you Repo=the-repository ConnectionArn=arn:..."
        return self._deployed_by(f"mlkit pipeline deploy --your-initials {self.names.initials} {given}")

    def _deployed_by(self, command: str) -> str:
        return f"`{self.deploys}` deploys it" if self.deploys else f"`{command}`"

    def _stack(self, name: str) -> "StackTypeDef | None":
        try:
            with aws_errors():
                return self.aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except NotFound:
            return None
