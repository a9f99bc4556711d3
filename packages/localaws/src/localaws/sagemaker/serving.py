"""Models in memory. A model is downloaded once under its role, kept on disk for the next start, and loaded on first use."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock

from botocore.exceptions import BotoCoreError, ClientError

from localaws.kit.s3 import download, parse_uri
from localaws.kit.service import AwsError
from localaws.sagemaker.algorithm_images import Algorithm, Predictor, version_note
from localaws.sagemaker.endpoint_record import EndpointDeployment, Variant
from localaws.sagemaker.execution_roles import Roles, require_algorithm
from localaws.sagemaker.model_archive import unpack

_NO_DOWNLOAD = (
    'Failed to download model data for container "container_1" from URL: "{url}". Please ensure that there is an object located at the URL '
    "and that the role passed to CreateModel has permissions to download the object."
)
_NO_ARCHIVE = (
    'Failed to extract model data archive for container "container_1" from URL "{url}". Please ensure that the object located at the URL '
    "is a valid tar.gz archive. ({error})"
)
_NO_MODEL = "The primary container for production variant {variant} did not pass the ping health check: {error}"


class ServingFailed(Exception):
    """A variant cannot start. The text is the endpoint's failure reason."""


class DeploymentGone(Exception):
    """The deployment was discarded after it was chosen for a request. Choose again."""


class Serving:
    """The models of all deployments. Each has its own folder below `folder`."""

    def __init__(self, folder: Path, algorithms: Sequence[Algorithm], roles: Roles) -> None:
        self._folder, self._algorithms, self._roles = folder, algorithms, roles
        self._predictors: dict[tuple[str, str], Predictor] = {}
        self._discarded: set[str] = set()
        self._lock = Lock()

    def predictor(self, deployment: EndpointDeployment, variant: Variant, endpoint_arn: str) -> Predictor:
        """The variant's model. It is loaded if it is not in memory yet. Raises ServingFailed or DeploymentGone."""
        key = (deployment.id, variant.name)
        if (loaded := self._predictors.get(key)) is not None:
            return loaded
        with self._lock:  # one load at a time, so that two requests after a restart do not both unpack the model
            if deployment.id in self._discarded:
                raise DeploymentGone(deployment.id)
            if key not in self._predictors:
                self._predictors[key] = self._load(deployment, variant, endpoint_arn)
            return self._predictors[key]

    def note(self, variant: Variant) -> str:
        """A line for the log about the version of the variant's algorithm, or nothing."""
        return version_note(require_algorithm(variant.image, self._algorithms), variant.image)

    def discard(self, deployment: EndpointDeployment) -> None:
        """Drop a deployment. Requests in progress finish with their model."""
        with self._lock:
            self._discarded.add(deployment.id)
            for variant in deployment.variants:
                self._predictors.pop((deployment.id, variant.name), None)
        shutil.rmtree(self._folder / deployment.id, ignore_errors=True)

    def discard_others(self, deployments: Iterable[EndpointDeployment]) -> None:
        """Remove files of deployments that no longer exist, left by an earlier process."""
        kept = {deployment.id for deployment in deployments}
        for path in self._folder.iterdir() if self._folder.exists() else ():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _load(self, deployment: EndpointDeployment, variant: Variant, endpoint_arn: str) -> Predictor:
        model = self._folder / deployment.id / variant.name
        if not model.exists():
            self._fetch(variant, model, endpoint_arn)
        try:
            return require_algorithm(variant.image, self._algorithms).load(model)
        except Exception as error:
            raise ServingFailed(_NO_MODEL.format(variant=variant.name, error=error)) from error

    def _fetch(self, variant: Variant, model: Path, endpoint_arn: str) -> None:
        """Download and unpack to a temporary folder, then rename it, so that a folder `model` is always complete."""
        incoming = model.with_name(f".{model.name}")
        shutil.rmtree(incoming, ignore_errors=True)
        (incoming / "model").mkdir(parents=True)
        url = variant.model_data_url
        try:
            s3 = self._roles.client("s3", role_arn=variant.role_arn, source_arn=endpoint_arn)
            download(s3, parse_uri(url), incoming / "model.tar.gz")
            unpack(incoming / "model.tar.gz", incoming / "model")
            (incoming / "model").rename(model)
        except (AwsError, ClientError, BotoCoreError) as error:
            raise ServingFailed(_NO_DOWNLOAD.format(url=url)) from error
        except ValueError as error:
            raise ServingFailed(_NO_ARCHIVE.format(url=url, error=error)) from error
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
