"""Training without AWS: what mlkit knows of SageMaker's built-in algorithms, and the limit on the cost."""
