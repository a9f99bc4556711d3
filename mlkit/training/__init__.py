"""The part of training without AWS: descriptions of SageMaker's built-in algorithms, and the limit on the cost."""
