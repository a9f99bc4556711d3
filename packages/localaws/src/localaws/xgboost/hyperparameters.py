"""The built-in algorithm's hyperparameters: names, valid values and texts as in the public source of SageMaker's container.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html lists the most common ones.
"""

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localaws.xgboost.metrics import ADDED, NAMES

# The intervals have the form of the error messages.
_INTEGERS = {
    "num_round": "[1, +inf)",
    "csv_weights": "[0, 1]",
    "early_stopping_rounds": "[1, +inf)",
    "verbosity": "[0, 3]",
    "nthread": "[1, +inf)",
    "max_depth": "[0, +inf)",
    "max_leaves": "[0, +inf)",
    "max_bin": "[0, +inf)",
    "one_drop": "[0, 1]",
    "num_class": "[2, +inf)",
    "seed": f"({-(2**31)}, {2**31 - 1})",
    "num_parallel_tree": "[1, +inf)",
    "prob_buffer_row": "(1.0, +inf)",
}
_NUMBERS = {
    "eta": "[0, 1]",
    "gamma": "[0, +inf)",
    "min_child_weight": "[0, +inf)",
    "max_delta_step": "[0, +inf)",
    "subsample": "(0, 1]",
    "colsample_bytree": "(0, 1]",
    "colsample_bylevel": "(0, 1]",
    "colsample_bynode": "(0, 1]",
    "lambda": "[0, +inf)",
    "alpha": "[0, +inf)",
    "sketch_eps": "(0, 1)",
    "scale_pos_weight": "(0, +inf)",
    "rate_drop": "[0, 1]",
    "skip_drop": "[0, 1]",
    "lambda_bias": "[0, 1]",
    "tweedie_variance_power": "(1, 2)",
    "base_score": "[0, +inf)",
}
OBJECTIVES = (
    "binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax", "multi:softprob", "reg:linear",
    "reg:squarederror", "reg:logistic", "reg:gamma", "reg:pseudohubererror", "reg:squaredlogerror", "reg:tweedie",
)  # fmt: skip
_TEXTS = ("true", "false")
_CHOICES: dict[str, tuple[str, ...]] = {
    "objective": (*OBJECTIVES, "rank:pairwise", "rank:ndcg", "rank:map", "survival:aft", "survival:cox"),
    "booster": ("gbtree", "gblinear", "dart"),
    "tree_method": ("auto", "exact", "approx", "hist", "gpu_hist"),
    "dsplit": ("row", "col"),
    "grow_policy": ("depthwise", "lossguide"),
    "predictor": ("auto", "cpu_predictor", "gpu_predictor"),
    "sample_type": ("uniform", "weighted"),
    "normalize_type": ("tree", "forest"),
    "sampling_method": ("uniform", "gradient_based"),
    "save_model_on_termination": _TEXTS,
    "single_precision_histogram": _TEXTS,
    "deterministic_histogram": _TEXTS,
    "use_dask_gpu_training": _TEXTS,
    "_tuning_objective_metric": tuple(f"validation:{name}" for name in NAMES),
}
_LITERALS = ("monotone_constraints", "interaction_constraints")
_ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}
_WITH_THRESHOLD = ("error", "ndcg", "map")

# The container accepts them. Here they would have no effect, or another one.
_REFUSED_NAMES = (
    "updater", "process_type", "refresh_leaf", "_kfold", "_num_cv_round", "aft_loss_distribution", "aft_loss_distribution_scale",
)  # fmt: skip
_REFUSED_VALUES = {
    "objective": dict.fromkeys(("rank:pairwise", "rank:ndcg", "rank:map"), "it needs groups of rows")
    | dict.fromkeys(("survival:aft", "survival:cox"), "it needs times of survival"),
    "tree_method": {"gpu_hist": "the local AWS uses no GPU; hist builds the same kind of trees"},
    "predictor": {"gpu_predictor": "there is no GPU"},
    "use_dask_gpu_training": {"true": "there is no GPU"},
}
# Hyperparameters for the container itself. All others go to xgboost.train() unchanged.
_OF_THE_CONTAINER = (
    "num_round", "csv_weights", "early_stopping_rounds", "save_model_on_termination", "use_dask_gpu_training", "eval_metric",
    "_tuning_objective_metric",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """`library` goes to xgboost.train(). `metrics` are metrics of the library, `added_metrics` those of metrics.py.

    `stopping_metric` is the metric for early_stopping_rounds: the tuning objective, otherwise the last of eval_metric.
    """

    num_round: int
    library: Mapping[str, Any]
    metrics: tuple[str, ...]
    added_metrics: tuple[str, ...]
    stopping_metric: str | None
    early_stopping_rounds: int | None
    csv_weights: bool
    save_model_on_termination: bool

    @property
    def objective(self) -> str:
        return str(self.library.get("objective", "reg:squarederror"))


def parse(hyperparameters: Mapping[str, str]) -> Hyperparameters:
    """The typed values. Raises ValueError with the text for the job's FailureReason."""
    if "num_round" not in hyperparameters:
        raise _client_error("Missing required hyperparameter: num_round")
    values = {_ALIASES.get(name, name): _parse_value(_ALIASES.get(name, name), str(value)) for name, value in hyperparameters.items()}
    _check_dependencies(values)
    asked, objective_metric = values.get("eval_metric"), values.get("_tuning_objective_metric")
    tuned = [objective_metric.partition(":")[2]] if objective_metric else None
    metrics = sorted({*(tuned or ()), *(asked or ())}) if tuned else list(asked or ())
    return Hyperparameters(
        num_round=values["num_round"],
        library={name: value for name, value in values.items() if name not in _OF_THE_CONTAINER},
        metrics=tuple(name for name in metrics if name not in ADDED),
        added_metrics=tuple(name for name in metrics if name in ADDED),
        stopping_metric=(tuned or asked or [None])[-1],
        early_stopping_rounds=values.get("early_stopping_rounds"),
        csv_weights=values.get("csv_weights") == 1,
        save_model_on_termination=values.get("save_model_on_termination") == "true",
    )


def _parse_value(name: str, text: str) -> Any:
    if name in _REFUSED_NAMES:
        raise _client_error(f"Hyperparameter {name} is not honoured by the local AWS")
    try:
        if name in _INTEGERS:
            return _within(name, int(text), _INTEGERS[name])
        if name in _NUMBERS:
            return _within(name, _finite(text), _NUMBERS[name])
        if name in _LITERALS:
            return _constraints(name, ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError) as error:
        if str(error).startswith("ClientError: "):
            raise
        raise _client_error(f"Hyperparameter {name}: could not parse value (caused by {type(error).__name__})") from error
    if name == "eval_metric":
        return _metrics(text.split(","))
    if name not in _CHOICES:
        raise _client_error(f"Extraneous hyperparameter found: {name}")
    if text not in _CHOICES[name]:
        raise _client_error(f"Hyperparameter {name}: {text} is not in {list(_CHOICES[name])}")
    if (why := _REFUSED_VALUES.get(name, {}).get(text)) is not None:
        raise _client_error(f"Hyperparameter {name}: {text} is not honoured by the local AWS, {why}")
    return text


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _within(name: str, value: float, interval: str) -> float:
    low, high = (float(end) for end in interval[1:-1].split(", "))
    if not (low < value < high or (value == low and interval[0] == "[") or (value == high and interval[-1] == "]")):
        raise _client_error(f"Hyperparameter {name}: {value} is not in {interval}")
    return value


def _constraints(name: str, value: Any) -> Any:
    """The constraints: a tuple with -1, 0 or 1 for each feature, or a list of lists of features."""
    if name == "monotone_constraints":
        if not set(value) <= {-1, 0, 1}:
            raise _client_error(f"Hyperparameter {name}: value {value} not in range [-1, 0, 1]")
        return tuple(value)
    if any(type(feature) is not int or feature < 1 for group in value for feature in group):
        raise _client_error(f"Hyperparameter {name}: value {value} not in range [1, +inf)")
    return [list(group) for group in value]


def _metrics(names: list[str]) -> list[str]:
    for name in names:
        metric, at, threshold = (part.strip() for part in name.partition("@"))
        if not at:
            if name not in NAMES:
                raise _client_error(f"Hyperparameter eval_metric: value {names} not in range {list(NAMES)}")
            continue
        if metric not in _WITH_THRESHOLD:
            options = f"one of these options: {', '.join(map(repr, _WITH_THRESHOLD))}."
            raise _client_error(f"Metric '{name}' is not supported. Parameter 'eval_metric' with customized threshold should be {options}")
        try:
            float(threshold)
        except ValueError as error:
            raise _client_error(f"Threshold value 't' in '{metric}@t' expects float input.") from error
    return names


def _check_dependencies(values: Mapping[str, Any]) -> None:
    objective, metrics = str(values.get("objective")), values.get("eval_metric", ())
    if objective.startswith("multi:") and "num_class" not in values:
        raise _client_error("Require input for parameter 'num_class' for multi-classification")
    if "num_class" in values and not objective.startswith("multi:"):
        raise _client_error("Do not need to setup parameter 'num_class' for learning task other than multi-classification.")
    if "auc" in metrics and not objective.startswith("binary:"):
        raise _client_error("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics:
        raise _client_error("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")
    for name, methods in (("monotone_constraints", "'exact' or 'hist'"), ("interaction_constraints", "'exact', 'hist' or 'approx'")):
        if name in values and f"'{values.get('tree_method')}'" not in methods:
            raise _client_error(f"{name} can be used only when the tree_method parameter is set to either {methods}.")


def _client_error(message: str) -> ValueError:
    return ValueError(f"ClientError: {message}")
