"""A table of numbers and one label of two classes: prepared by Athena, learned by SageMaker's built-in XGBoost.

    columns, splits, encoding   pure: which column is what, the SQL that cleans and splits, rows as the model reads them
    files, lake                 a CSV file for the lake's table; the table in the lake
    preparation                 01_prep's verbs
    training                    XGBoost's hyperparameters and metrics
    testing                     03_test_endpoint's verbs, and predictions for applications

What a notebook needs beside these names - training, deploying, the gate - is in mlkit itself.
"""

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
from mlkit.tabular.testing import compare_with_baselines, load_test_rows, predict, test_endpoint
from mlkit.tabular.training import xgboost_hyperparameters

__all__ = [
    "choose_columns",
    "compare_with_baselines",
    "describe_features",
    "find_lake",
    "load_test_rows",
    "predict",
    "profile_table",
    "save_prepared_data",
    "start_run",
    "store_encoding",
    "test_endpoint",
    "unload_splits",
    "write_channels",
    "xgboost_hyperparameters",
]
