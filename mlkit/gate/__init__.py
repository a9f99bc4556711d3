"""The decision about a model: confidence intervals of its metric, the verdict, and two baselines."""
