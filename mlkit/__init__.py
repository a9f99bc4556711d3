"""mlkit: CI/CD for SageMaker models whose pipeline steps are notebooks.

    notebooks/ call the names below; each is a verb on AWS or a figure in view.
    errors, settings             what can go wrong; where things are, what they are called, what a project is about
    sql, recordio, algorithms    pure: statements for any table, file formats, SageMaker's built-in algorithms
    gates, baselines, charts     pure: the decision on a model, what it must beat, how it looks
    handoff, parameters          pure: the files between notebooks, the typed parameters of one
    pipeline_steps               pure: the steps of the pipeline, as mlkit.yml lists them
    budget, check                pure: what training may cost; whether steps, notebooks and templates fit together
    aws/                         every call to AWS, in domain verbs: lake, shards, training, endpoints, evaluation
    movielens/ | tabular/        what is particular to ratings of movies | to a table of numbers with a label
    runner                       one notebook through papermill, with an honest end
    cli                          mlkit run | params | check | data | deploy | undeploy | predict | local
    local/                       the local AWS: the same calls, executed on a laptop

Imports go one way: errors, settings <- domain <- aws <- movielens | tabular <- runner <- cli; `local` depends on the domain only.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "mlkit.aws.session": ["Session"],
    "mlkit.settings": ["Project"],
    "mlkit.aws.lake": ["find_execution_role"],
    "mlkit.aws.training": [
        "check_tuning", "describe_prepared_data", "load_prepared_data", "run_training_job", "run_tuning_job", "save_trained_model",
    ],
    "mlkit.aws.job_results": ["training_history"],
    "mlkit.bad_rows": ["check_bad_rows"],
    "mlkit.budget": ["check_budget"],
    "mlkit.aws.billing": ["describe_costs"],
    "mlkit.aws.endpoints": ["deploy", "load_trained_model", "prove_endpoint", "undeploy", "write_configurations"],
    "mlkit.aws.evaluation": ["confusion", "describe_rate", "judge", "match_rate", "save_test_result"],
    "mlkit.aws.secrets": ["resolve_secret"],
    "mlkit.gates": ["check_gate"],
    "mlkit": ["charts"],
    # The lab's own, which its notebooks import from here.
    "mlkit.movielens.charts": ["chart_ratings"],
    "mlkit.movielens.lake": ["find_lake"],
    "mlkit.movielens.preparation": [
        "count_ratings", "profile_ratings", "save_prepared_data", "start_run", "unload_feature_index", "unload_splits",
        "write_channels",
    ],
    "mlkit.movielens.testing": ["compare_with_baselines", "lab_check", "load_test_rows", "predict", "test_endpoint"],
    "mlkit.movielens.training": ["fm_hyperparameters"],
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
