import re
from pathlib import Path

import pytest

from mlkit.errors import NotFound, UsageError
from mlkit.naming import ENDPOINT_TEMPLATE, PIPELINE_ENVIRONMENTS, PIPELINE_TEMPLATE, LabNames
from mlkit.project import yaml_lines
from mlkit.settings import About, Project

ROOT = Path(__file__).parents[2]


def test_names_are_the_labs() -> None:
    names = LabNames(initials="abc", dataset="movielens")
    assert (names.bucket, names.database) == ("abc-ml-id-lab", "abc-ml-lab-movielens")
    assert names.endpoint("qa") == "abc-ml-lab-qa"


@pytest.mark.parametrize("initials", ["", "a", "ABC", "a_b", "1ab", "ab-", "a" * 21])
def test_initials_that_no_bucket_could_carry_are_refused(initials: str) -> None:
    with pytest.raises(UsageError, match="your_initials"):
        LabNames(initials=initials)


@pytest.mark.parametrize("dataset", ["Movies", "a", "a_b", "1a", "ab-", "a" * 41])
def test_a_data_set_that_no_database_could_be_called_after_is_refused(dataset: str) -> None:
    with pytest.raises(UsageError, match="dataset"):
        LabNames(initials="abc", dataset=dataset)


def test_names_without_a_data_set_have_no_database() -> None:
    with pytest.raises(ValueError, match="these names have no data set"):
        _ = LabNames(initials="abc").database


def test_an_environment_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="prod"):
        LabNames(initials="abc").endpoint("prod")


def test_an_endpoint_of_another_environment_is_refused() -> None:
    assert LabNames.of_endpoint("abc-ml-lab-dev", "dev") == LabNames(initials="abc")
    for endpoint in ("abc-ml-lab-production", "dev", "abc-ml-lab-devel"):
        with pytest.raises(UsageError, match=f"{endpoint} is not the endpoint of dev"):
            LabNames.of_endpoint(endpoint, "dev")


def test_the_environments_of_the_pipeline_are_those_that_its_template_deploys() -> None:
    template = yaml_lines.load((ROOT / PIPELINE_TEMPLATE).read_text())
    (pipeline,) = [one for one in template["Resources"].values() if one["Type"] == "AWS::CodePipeline::Pipeline"]
    actions = [action for stage in pipeline["Properties"]["Stages"] for action in stage["Actions"] if "Configuration" in action]
    deployed = {str(action["Configuration"]["StackName"]) for action in actions if "StackName" in action["Configuration"]}
    stacks = {LabNames(initials="initials").endpoint_stack(environment).removeprefix("initials") for environment in PIPELINE_ENVIRONMENTS}
    assert {re.sub(r".*\$\{YourInitials\}([a-z-]+).*", r"\1", name) for name in deployed} == stacks


def test_the_project_is_found_from_a_folder_inside(tmp_path: Path) -> None:
    (tmp_path / ENDPOINT_TEMPLATE).parent.mkdir()
    (tmp_path / ENDPOINT_TEMPLATE).touch()
    (tmp_path / "notebooks").mkdir()
    assert Project.find(tmp_path / "notebooks").root == tmp_path
    with pytest.raises(NotFound, match="No project"):
        Project.find(tmp_path.parent)


def test_the_labs_own_project_is_about_ratings() -> None:
    project = Project.find(Path(__file__))
    assert project.about == About(kind="movielens", dataset="movielens", table="u_data", source="ml-100k")
    assert project.names("abc").database == "abc-ml-lab-movielens"


def test_a_project_that_does_not_say_what_it_is_about_is_told_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"mlkit\.yml") as caught:
        _ = Project(root=tmp_path).about
    assert "kind, dataset, table and source" in caught.value.cure


@pytest.mark.parametrize("text", ["", "kind: tabular", "[", "kind: 1\ndataset: d\ntable: t\nsource: s", "a\x00"])
def test_a_project_file_that_says_less_more_or_nothing_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "mlkit.yml").write_text(text)
    with pytest.raises(UsageError, match=r"mlkit\.yml"):
        _ = Project(root=tmp_path).about
