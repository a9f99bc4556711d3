"""The lock files: hashes for everything, no index named, and builds get the versions that everybody has."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [
    "requirements.lock",
    "requirements-build.lock",
    "tests/sdk-v2.lock",
    "tests/mutants/mutmut.lock",
    "benchmarks/peers.lock",
    "benchmarks/xlearn.lock",
]


def pins(name: str) -> dict[str, str]:
    """Each pinned `name==version ; marker` with the text that follows it up to the next pin."""
    text = (ROOT / name).read_text()
    found = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)
    return {entry.split("\\")[0].split("--hash")[0].strip(): entry for entry in found if "==" in entry.split("\n")[0]}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_with_its_digest(name: str) -> None:
    assert pins(name)
    assert all("--hash=sha256:" in entry for entry in pins(name).values())


@pytest.mark.parametrize("name", LOCKS)
def test_no_package_index_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text


def test_builds_install_what_everybody_has() -> None:
    assert {pin.split(";")[0].strip() for pin in pins("requirements-build.lock")} <= {
        pin.split(";")[0].strip() for pin in pins("requirements.lock")
    }


def test_the_emulator_is_not_part_of_what_a_build_installs() -> None:
    names = {pin.split("==")[0] for pin in pins("requirements-build.lock")}
    assert not names & {"ministack", "duckdb", "optuna", "pytest", "jupyterlab"}
    assert {"papermill", "sagemaker", "setuptools"} <= names


def test_a_build_installs_the_library_and_the_formats_and_nothing_of_the_local_aws() -> None:
    shown = subprocess.run(["make", "-n", "build-environment"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (installed,) = re.findall(r"--reinstall (.*)", shown)
    assert installed.split() == [".", "./packages/sagemaker_formats"]
    assert "localaws" not in shown


def test_the_packages_of_this_repository_are_in_no_lock() -> None:
    ours = {"sagemaker-mlkit", "sagemaker-localaws", "sagemaker-builtin-formats"}
    assert not ours & {pin.split("==")[0] for name in LOCKS for pin in pins(name)}


def test_what_reads_notebooks_does_not_wait_for_a_checker_of_iris() -> None:
    """jsonschema imports rfc3987-syntax where it is installed, and that takes a second of each process."""
    assert not {"rfc3987-syntax", "lark"} & {pin.split("==")[0] for name in LOCKS for pin in pins(name)}
