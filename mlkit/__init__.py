"""mlkit: CI/CD for SageMaker models whose pipeline steps are notebooks.

Notebooks call the names below: functions that call AWS, and plots. docs/architecture.md lists the packages:

    errors, naming, settings        exit codes; names on AWS; the project's folder
    notebook, data, gate, training  notebook files and hand-off; rows and SQL; the verdict; built-in algorithms and their cost
    evidence, screening             run records and manifests; secrets
    parameters, reuse, project      the parameters cell; finished runs; mlkit.yml's steps
    aws                             every call to AWS: lake, training jobs, endpoints, evidence
    movielens, tabular              the code of one kind of data each
    runner, doctor, check, cli      one notebook run; checks of an account and of a project; the commands
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "mlkit.aws.session": ["Session"],
    "mlkit.settings": ["Project"],
    "mlkit.aws.data_lake": ["find_execution_role"],
    "mlkit.aws.training_jobs": [
        "check_tuning", "describe_prepared_data", "load_prepared_data", "run_training_job", "run_tuning_job", "save_trained_model",
    ],
    "mlkit.aws.job_results": ["training_history"],
    "mlkit.data.bad_rows": ["check_bad_rows"],
    "mlkit.training.budget": ["check_budget"],
    "mlkit.training.machines": ["training_network"],
    "mlkit.aws.billing": ["describe_costs"],
    "mlkit.aws.endpoints": ["deploy", "load_trained_model", "prove_endpoint", "undeploy", "write_configurations"],
    "mlkit.aws.champion_test": ["compare_with_champion", "describe_comparison"],
    "mlkit.aws.endpoint_test": [
        "chart_answers", "confusion", "describe_answers", "describe_estimate", "describe_slices", "estimate_metric",
        "save_test_result",
    ],
    "mlkit.aws.tuning_test": ["describe_tuning"],
    "mlkit.aws.secret_values": ["resolve_secret"],
    "mlkit.gate.policy": ["gate_policy"],
    "mlkit.gate.verdicts": ["check_gate", "judge"],
    "mlkit": ["charts"],
    # The lab's own, which its notebooks import from here.
    "mlkit.movielens.rating_charts": ["chart_ratings"],
    "mlkit.movielens.lake": ["find_lake"],
    "mlkit.movielens.preparation": [
        "count_ratings", "profile_ratings", "save_prepared_data", "start_run", "unload_feature_index", "unload_splits",
        "write_channels",
    ],
    "mlkit.movielens.testing": [
        "compare_with_baselines", "lab_check", "load_test_rows", "measure_slices", "predict", "test_champion", "test_endpoint",
        "test_untuned",
    ],
    "mlkit.movielens.algorithm": ["rating_hyperparameters"],
    "mlkit.movielens.tuning": ["compare_tuning", "did_tuning_help"],
}  # fmt: skip
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that `import mlkit` is quick and SDKs are imported only when they are needed."""
    if name not in _HOME:
        raise AttributeError(f"module 'mlkit' has no attribute {name!r}")
    if _HOME[name] == "mlkit":
        return importlib.import_module(f"mlkit.{name}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
