"""mlkit: CI/CD for SageMaker models whose pipeline steps are notebooks.

    notebooks/ call the names below; each is a verb on AWS or a figure in view.
    errors, settings             what can go wrong; where things are and what they are called
    recordio, features, splits   pure: file formats, ids to columns, the SQL that splits the ratings
    gates, baselines, charts     pure: the decision on a model, what it must beat, how it looks
    handoff, parameters          pure: the files between notebooks, the typed parameters of one
    budget, contract             pure: what training may cost; whether buildspecs and templates pass what notebooks take
    aws/                         every call to AWS, in domain verbs: lake, preparation, training, endpoints, evaluation
    runner                       one notebook through papermill, with an honest end
    cli                          mlkit run | params | check | data | deploy | undeploy | predict | local
    local/                       the local AWS: the same calls, executed on a laptop

Imports go one way: errors, settings <- domain <- aws <- runner <- cli; `local` depends on the domain only.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "mlkit.aws.session": ["Session"],
    "mlkit.settings": ["Project"],
    "mlkit.aws.lake": ["find_execution_role", "find_lake"],
    "mlkit.aws.preparation": [
        "check_bad_rows", "count_ratings", "profile_ratings", "save_prepared_data", "start_run", "unload_feature_index", "unload_splits",
        "write_channels",
    ],
    "mlkit.aws.training": [
        "check_tuning", "describe_prepared_data", "fm_hyperparameters", "load_prepared_data", "run_training_job", "run_tuning_job",
        "save_trained_model",
    ],
    "mlkit.aws.job_results": ["training_history"],
    "mlkit.budget": ["check_budget"],
    "mlkit.aws.billing": ["describe_costs"],
    "mlkit.aws.endpoints": ["deploy", "load_trained_model", "predict", "prove_endpoint", "undeploy", "write_configurations"],
    "mlkit.aws.evaluation": [
        "compare_with_baselines", "confusion", "describe_rate", "judge", "lab_check", "load_test_rows", "match_rate", "save_test_result",
        "test_endpoint",
    ],
    "mlkit.aws.secrets": ["resolve_secret"],
    "mlkit.gates": ["check_gate"],
    "mlkit": ["charts"],
}  # fmt: skip
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name on first use: `import mlkit` stays quick, and the SDKs are imported only where needed."""
    if name not in _HOME:
        raise AttributeError(f"module 'mlkit' has no attribute {name!r}")
    if _HOME[name] == "mlkit":
        return importlib.import_module(f"mlkit.{name}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
