"""A table of numbers and categories with a label: classes or a number. Athena prepares it; SageMaker's built-in XGBoost learns from it.

    columns, splits, encoding   pure: the roles of columns, the SQL that cleans and splits, the rows for the model
    files, lake                 a CSV file for the lake's table; the table in the lake
    preparation                 the functions of 01_prep
    label_charts                how the label is distributed
    algorithm                   XGBoost's hyperparameters and metrics
    testing                     the functions of 03_test_endpoint, and predictions for applications

Training, deployment and the gate are in mlkit itself.
"""

from mlkit.tabular.algorithm import xgboost_hyperparameters
from mlkit.tabular.label_charts import chart_labels
from mlkit.tabular.lake import choose_columns, find_lake
from mlkit.tabular.preparation import (
    describe_features,
    profile_table,
    save_prepared_data,
    start_run,
    store_encoding,
    unload_splits,
    write_channels,
)
from mlkit.tabular.testing import compare_with_baselines, load_test_rows, measure_slices, predict, test_champion, test_endpoint

__all__ = [
    "chart_labels",
    "choose_columns",
    "compare_with_baselines",
    "describe_features",
    "find_lake",
    "load_test_rows",
    "measure_slices",
    "predict",
    "profile_table",
    "save_prepared_data",
    "start_run",
    "store_encoding",
    "test_champion",
    "test_endpoint",
    "unload_splits",
    "write_channels",
    "xgboost_hyperparameters",
]
