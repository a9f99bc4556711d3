"""The defaults of the SageMaker SDK that notebooks get: telemetry is off, and the user's own files keep their word."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError
from nbformat.v4 import new_code_cell, new_notebook

from mlkit.aws import sdk_defaults
from mlkit.runner import RunOptions, run_notebook

OPT_OUT = {"SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
KERNELSPEC = {"name": "python3", "language": "python", "display_name": "Python 3"}


def own(path: Path, content: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump({"SchemaVersion": "1.0", **content}))
    return str(path)


@pytest.fixture(autouse=True)
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(sdk_defaults.ADMIN_DEFAULTS, raising=False)
    monkeypatch.delenv("SAGEMAKER_USER_CONFIG_OVERRIDE", raising=False)


def test_the_sdk_accepts_the_defaults_and_a_user_s_file_keeps_its_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sagemaker.core.config.config import validate_sagemaker_config

    validate_sagemaker_config(sdk_defaults.sdk_defaults())
    assert sdk_defaults.sdk_defaults() == {"SchemaVersion": "1.0", **OPT_OUT}
    theirs = {"SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": False}}, "TrainingJob": {"EnableNetworkIsolation": True}}}
    monkeypatch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", own(tmp_path / "config.yaml", theirs))
    validate_sagemaker_config(sdk_defaults.sdk_defaults())
    assert sdk_defaults.sdk_defaults() == {"SchemaVersion": "1.0", **theirs}


def test_an_administrator_s_defaults_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sdk_defaults.without_telemetry({sdk_defaults.ADMIN_DEFAULTS: "s3://b/config.yaml"}) == {}
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path))
    assert sdk_defaults.without_telemetry({}) == {sdk_defaults.ADMIN_DEFAULTS: str(sdk_defaults.NO_TELEMETRY)}
    (tmp_path / "sagemaker").mkdir()
    (tmp_path / "sagemaker" / "config.yaml").touch()
    assert sdk_defaults.without_telemetry({}) == {}


def test_a_cell_that_uses_the_sdk_itself_in_a_headless_run_sends_no_telemetry_either(tmp_path: Path) -> None:
    cell = "from sagemaker.core.config.config import load_sagemaker_config\nprint(load_sagemaker_config()['SageMaker'])"
    made = new_notebook(cells=[new_code_cell(cell)], metadata={"kernelspec": KERNELSPEC})
    source, executed = tmp_path / "n.ipynb", tmp_path / "executed.ipynb"
    source.write_text(json.dumps(made))
    run_notebook(source, executed, {}, RunOptions())
    assert "'TelemetryOptOut': True" in executed.read_text()


def test_the_sdk_validates_the_same_defaults_once_and_refuses_wrong_ones_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from sagemaker.core.config.config_manager import SageMakerConfig

    asked: list[Any] = []
    real = getattr(SageMakerConfig.validate_sagemaker_config, "__wrapped__", SageMakerConfig.validate_sagemaker_config)

    def validate(config: Any = None) -> None:
        asked.append(config)
        real(config)

    monkeypatch.setattr(SageMakerConfig, "validate_sagemaker_config", staticmethod(validate))
    for _ in range(2):
        found = sdk_defaults.sdk_defaults()
        SageMakerConfig().validate_sagemaker_config(found)
    assert asked == [found]
    for number in (1, 2):
        with pytest.raises(ValidationError):
            SageMakerConfig().validate_sagemaker_config({"SchemaVersion": number})
    assert len(asked) == 3
