"""Defaults of the SageMaker SDK: those of the user's files, with the SDK's telemetry off.

The telemetry is a GET of an object in a bucket of AWS's, with the account id, the region and the called function in its address.
https://sagemaker.readthedocs.io/en/stable/overview.html#configuring-and-using-defaults-with-the-sagemaker-python-sdk
"""

import copy
import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

# The SDK's variable and file for an administrator's defaults. A user's own file overrides them.
ADMIN_DEFAULTS = "SAGEMAKER_ADMIN_CONFIG_OVERRIDE"
NO_TELEMETRY = Path(__file__).with_name("sdk_defaults.yaml")


def sdk_defaults() -> dict[str, Any]:
    """The defaults for the SDK's session. Telemetry is off unless a file of the user's or the administrator's turns it on."""
    from sagemaker.core.config.config import load_sagemaker_config

    found: dict[str, Any] = load_sagemaker_config()
    modules = found.setdefault("SageMaker", {}).setdefault("PythonSDK", {}).setdefault("Modules", {})
    modules.setdefault("TelemetryOptOut", True)
    _validate_once()
    return {"SchemaVersion": "1.0", **found}


def without_telemetry(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables for a notebook's kernel, whose own cells may use the SDK. Empty if an administrator gives defaults already."""
    from platformdirs import site_config_dir  # a dependency of the SDK, which looks there

    if environ.get(ADMIN_DEFAULTS) or Path(site_config_dir("sagemaker"), "config.yaml").exists():
        return {}
    return {ADMIN_DEFAULTS: str(NO_TELEMETRY)}


def _validate_once() -> None:
    """Let the SDK validate the same defaults only once. It validates them at each of its many looks at them: two seconds a training job."""
    from sagemaker.core.config.config_manager import SageMakerConfig

    validate = SageMakerConfig.validate_sagemaker_config
    if not hasattr(validate, "__wrapped__"):
        SageMakerConfig.validate_sagemaker_config = staticmethod(_unless_known(validate))


def _unless_known(validate: Callable[[Any], None]) -> Callable[[Any], None]:
    """`validate`, which is not called again with what it has accepted."""
    accepted: list[Any] = []

    @wraps(validate)
    def checked(sagemaker_config: Any = None) -> None:
        if sagemaker_config not in accepted:
            validate(sagemaker_config)
            accepted.append(copy.deepcopy(sagemaker_config))

    return checked
