"""Names and places: the lab's names, the project's folder, and the folders of its results."""

import re
from dataclasses import dataclass, fields
from pathlib import Path

from mlkit.errors import NotFound, UsageError

ENVIRONMENTS = ("dev", "qa", "production")
PIPELINE_ENVIRONMENTS = ("qa", "production")  # the stacks that the pipeline's template deploys
ENDPOINT_TEMPLATE = Path("CloudFormation") / "sagemaker_prediction_endpoint.yaml"
PIPELINE_TEMPLATE = Path("CloudFormation") / "codepipeline.yaml"
DATALAKE_TEMPLATE = Path("CloudFormation") / "datalake.yaml"
PROJECT_FILE = Path("mlkit.yml")
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
        suffix = f"-ml-lab-{checked_environment(environment)}"
        if not endpoint.endswith(suffix):
            raise UsageError(
                f"{endpoint} is not the endpoint of {environment}",
                cure="Run notebooks/02_train.ipynb again: it writes the configuration of each environment.",
            )
        return cls(initials=endpoint.removesuffix(suffix))

    @property
    def bucket(self) -> str:
        return f"{self.initials}-ml-id-lab"

    @property
    def database(self) -> str:
        if not self.dataset:
            raise ValueError("these names have no data set, which is part of the database's name")
        return f"{self.initials}-ml-lab-{self.dataset}"

    @property
    def workgroup(self) -> str:
        return f"{self.initials}-ml-lab"

    @property
    def execution_role_export(self) -> str:
        return f"{self.initials}-ml-lab-execution-role"

    @property
    def datalake_stack(self) -> str:
        return f"{self.initials}-ml-lab-datalake"

    @property
    def pipeline_stack(self) -> str:
        return f"{self.initials}-ml-lab-pipeline"

    def endpoint(self, environment: str) -> str:
        """The endpoint's name. It never changes, because applications use it."""
        return f"{self.initials}-ml-lab-{checked_environment(environment)}"

    def endpoint_stack(self, environment: str) -> str:
        return f"{self.endpoint(environment)}-endpoint"


def checked_environment(environment: str) -> str:
    if environment not in ENVIRONMENTS:
        raise UsageError(f"There is no environment {environment!r}", cure=f"Choose one of: {', '.join(ENVIRONMENTS)}.")
    return environment


@dataclass(frozen=True, kw_only=True)
class About:
    """The content of mlkit.yml.

    `kind` is the kind of data. `dataset` and `table` are its names in the lake. `source` is the default of `mlkit data load`.
    """

    kind: str
    dataset: str
    table: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Project:
    """The folder that holds notebooks/ and CloudFormation/."""

    root: Path

    @classmethod
    def find(cls, start: Path) -> "Project":
        """The project at or above `start`. Notebooks call it from the root, from notebooks/ and from a copy."""
        for folder in (start, *start.parents):
            if (folder / ENDPOINT_TEMPLATE).is_file():
                return cls(root=folder)
        raise NotFound(
            f"No project at or above {start}: {ENDPOINT_TEMPLATE} is missing",
            cure="Start from the repository's folder, or from its notebooks/ folder.",
        )

    @classmethod
    def here(cls) -> "Project":
        """The current folder's project."""
        return cls.find(Path.cwd())

    @property
    def about(self) -> About:
        """The content of mlkit.yml. Raises NotFound without the file, UsageError for other content."""
        import yaml

        path, cure = self.root / PROJECT_FILE, "It holds kind, dataset, table and source, each with a word, and `steps`."
        try:
            values = yaml.safe_load(path.read_text())
        except FileNotFoundError as error:
            raise NotFound(f"{path} does not exist; it names the project's data", cure=cure) from error
        except yaml.YAMLError as error:
            raise UsageError(f"{path} is not YAML: {error}", cure=cure) from error
        members = [field.name for field in fields(About)]
        about = (
            {key: value for key, value in values.items() if key != "steps"} if isinstance(values, dict) else {}
        )  # see mlkit.pipeline_steps
        if set(about) != set(members) or not all(isinstance(value, str) and value for value in about.values()):
            raise UsageError(f"{path} does not say {', '.join(members)}, or says more", cure=cure)
        return About(**about)

    def names(self, initials: str) -> LabNames:
        """The names of this project's lake, pipeline and endpoints."""
        return LabNames(initials=initials, dataset=self.about.dataset)

    @property
    def handoff(self) -> Path:
        return self.root / "handoff"

    @property
    def local_home(self) -> Path:
        return self.root / ".mlkit" / "local"

    @property
    def steps(self) -> Path:
        """The finished runs that `--reuse` may take over."""
        return self.root / ".mlkit" / "steps"

    @property
    def data_cache(self) -> Path:
        """The cache of downloaded data sets."""
        return self.root / ".mlkit" / "data"

    def configuration(self, environment: str) -> Path:
        return self.root / "CloudFormation" / f"configuration_{checked_environment(environment)}.json"
