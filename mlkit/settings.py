"""The project: its folder, the content of mlkit.yml, and the folders of its results."""

from dataclasses import dataclass, fields
from pathlib import Path

from mlkit.errors import NotFound, UsageError
from mlkit.naming import CONFIGURATIONS, ENDPOINT_TEMPLATE, LabNames, checked_environment

PROJECT_FILE = Path("mlkit.yml")


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
        )  # see mlkit.project.pipeline_steps
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
        return self.root / str(CONFIGURATIONS).replace("*", checked_environment(environment))
