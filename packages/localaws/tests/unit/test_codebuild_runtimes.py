"""Languages of runtime-versions: those that this machine has, and those that it lacks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from localaws.codebuild import runtimes
from localaws.codebuild.buildspec_yaml import BuildspecError


@pytest.fixture
def which(tmp_path: Path) -> Callable[[str], str | None]:
    """A machine with node 20.1.3 and npm."""
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v20.1.3\n")
        (tmp_path / name).chmod(0o755)
    return lambda program: str(tmp_path / program) if (tmp_path / program).exists() else None


@pytest.mark.parametrize(
    ("wanted", "note"),
    [("20", False), ("20.x", False), ("latest", False), ("20.1", False), ("18", True), ("2", True)],
)
def test_the_machines_programs_are_linked_and_another_version_is_told(
    tmp_path: Path, which: Callable[[str], str | None], wanted: str, note: bool
) -> None:
    (tmp_path / "bin").mkdir()
    told = runtimes.add("nodejs", wanted, tmp_path / "bin", which=which)
    assert sorted(path.name for path in (tmp_path / "bin").iterdir()) == ["node", "npm"]
    assert (told is not None) is note
    assert not note or told == f"runtime-versions asks for nodejs {wanted}; the commands run with this machine's 20.1.3"


@pytest.mark.parametrize(("name", "lacks"), [("golang", "no go"), ("java", "no java"), ("android", "no android SDK")])
def test_a_language_that_the_machine_lacks_is_refused_by_name(
    tmp_path: Path, which: Callable[[str], str | None], name: str, lacks: str
) -> None:
    with pytest.raises(BuildspecError, match=rf"runtime-versions\.{name} .*{lacks}\. Install it"):
        runtimes.add(name, "1", tmp_path, which=which)
