from pathlib import Path

import pytest

from mlkit.errors import NotFound, UsageError
from mlkit.settings import ENDPOINT_TEMPLATE, LabNames, Project


def test_names_are_the_labs() -> None:
    names = LabNames(initials="abc")
    assert (names.bucket, names.database) == ("abc-ml-id-lab", "abc-ml-lab-movielens")
    assert names.endpoint("qa") == "abc-ml-lab-qa"


@pytest.mark.parametrize("initials", ["", "a", "ABC", "a_b", "1ab", "ab-", "a" * 21])
def test_initials_that_no_bucket_could_carry_are_refused(initials: str) -> None:
    with pytest.raises(UsageError, match="your_initials"):
        LabNames(initials=initials)


def test_an_environment_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="prod"):
        LabNames(initials="abc").endpoint("prod")


def test_the_project_is_found_from_a_folder_inside(tmp_path: Path) -> None:
    (tmp_path / ENDPOINT_TEMPLATE).parent.mkdir()
    (tmp_path / ENDPOINT_TEMPLATE).touch()
    (tmp_path / "notebooks").mkdir()
    assert Project.find(tmp_path / "notebooks").root == tmp_path
    with pytest.raises(NotFound, match="No project"):
        Project.find(tmp_path.parent)
