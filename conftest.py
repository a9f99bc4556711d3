"""One local AWS for each test process, in a folder of its own on a free port; nothing reaches beyond loopback."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from started import LocalAws, policy, start_local_aws
from waiting import TEST_HANG_S
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from localaws import lifecycle
from localaws.kit.service import Credentials

_LONG = ("pipeline", "browser", "notebooks", "test_alone.py")
# The files of tests/pipeline that share a whole run, by its fixture: every process that runs one of them makes the run anew.
_TOGETHER = {
    "first_run": (
        "test_pipeline.py",
        "test_failed_gate.py",
        "test_live_steps.py",
        "test_replay.py",
        "test_retried_stages.py",
        "test_unseen_errors.py",
    ),
    "walked": ("test_walk.py", "test_reused_runs.py"),
}
_OWN = ("AWS_", "SAGEMAKER_", "MLKIT_YOUR_INITIALS")

# Nothing of a property test depends on the machine's speed, and in CI not on luck either; a failure prints what repeats it.
settings.register_profile(
    "mlkit",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=100,
    database=None,
    derandomize="CI" in os.environ,
    print_blob=True,
)
settings.load_profile("mlkit")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A test that takes this long hangs, unless the command line says otherwise."""
    if config.getoption("timeout") is None:
        config.option.timeout = TEST_HANG_S


class _TogetherScheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """One process runs a whole file, and the files that share a run."""

    def _split_scope(self, nodeid: str) -> str:
        name = Path(nodeid.split("::")[0]).name
        return next((run for run, files in _TOGETHER.items() if name in files), super()._split_scope(nodeid))


@pytest.hookimpl(optionalhook=True)  # a run without xdist has no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _TogetherScheduling:
    return _TogetherScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders and files that take long begin first, lest one process waits for them alone at the end."""
    together = [name for files in _TOGETHER.values() for name in files]
    items.sort(key=lambda item: (item.path.name not in together, not {item.path.name, item.path.parent.name} & set(_LONG)))
    for item in items:
        for run in _TOGETHER.keys() & set(getattr(item, "fixturenames", ())):
            assert item.path.name in _TOGETHER[run], f"{item.path.name} uses {run}: name it in conftest.py, so that it shares the run"


@pytest.fixture(scope="session", autouse=True)
def _no_aws_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's own profile, endpoint and keys are out of reach of every test."""
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith(_OWN)]:
        patch.delenv(name)
    nowhere = tmp_path_factory.mktemp("aws")
    (nowhere / "config").write_text("[default]\n")  # the profile that `mlkit local env` names, for sessions made before its files are
    patch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield
    patch.undo()


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    home = tmp_path_factory.mktemp("local-aws") / "home"
    yield start_local_aws(home)
    lifecycle.down(home)


@pytest.fixture
def aws(local_aws: LocalAws) -> Callable[[str], Any]:
    """`aws("s3")` is the administrator's boto3 client of a service."""
    return local_aws.client


@pytest.fixture
def bucket(aws: Callable[[str], Any]) -> str:
    """An empty bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    aws("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def versioned(aws: Callable[[str], Any], bucket: str) -> str:
    """The same bucket, which keeps every version."""
    aws("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture(scope="session")
def sdk_v2() -> Path:
    """The folder of the SageMaker SDK 2, for PYTHONPATH: `.tools/sdk-v2` or MLKIT_SDK_V2. On CI its absence is a failure."""
    folder = Path(os.environ.get("MLKIT_SDK_V2", Path(__file__).parent / ".tools/sdk-v2"))
    if not (folder / "sagemaker/serializer_utils.py").exists():
        reason = f"no SageMaker SDK v2 in {folder}: run `make .tools/sdk-v2`, or set MLKIT_SDK_V2"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture
def make_role(local_aws: LocalAws) -> Callable[..., str]:
    """`make_role(allow(...), service="sagemaker.amazonaws.com")` is the ARN of a new role for the service, or for the account's users."""

    def make(*statements: Mapping[str, Any], service: str | None = None, conditions: Mapping[str, Any] | None = None) -> str:
        iam, name = local_aws.client("iam"), f"role-{uuid.uuid4().hex[:12]}"
        principal = {"Service": service} if service else {"AWS": f"arn:aws:iam::{local_aws.account}:root"}
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": dict(conditions or {})}
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy(*statements))
        return arn

    return make


@pytest.fixture
def as_role(local_aws: LocalAws, make_role: Callable[..., str]) -> Callable[..., Callable[[str], Any]]:
    """`as_role(allow("s3:*"))("s3")` is a client with the credentials of a new role that has these statements."""

    def assume(*statements: Mapping[str, Any]) -> Callable[[str], Any]:
        session = local_aws.client("sts").assume_role(RoleArn=make_role(*statements), RoleSessionName="test")["Credentials"]
        credentials = Credentials(
            access_key_id=session["AccessKeyId"], secret_access_key=session["SecretAccessKey"], session_token=session["SessionToken"]
        )
        return lambda service: local_aws.client(service, credentials)

    return assume
