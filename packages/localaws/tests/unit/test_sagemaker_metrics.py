from localaws.sagemaker.algorithm_images import MetricDefinition
from localaws.sagemaker.log_metrics import MetricReader

LOSS = MetricDefinition(name="test:loss", regex=r"loss <score>=(\S+)")
RATE = MetricDefinition(name="test:rate", regex=r"rate <score>=(\S+)")


def test_the_last_value_of_each_metric_counts():
    reader = MetricReader([LOSS, RATE], clock=lambda: 5.0)
    reader.read(["loss <score>=3.5", "nothing", "loss <score>=1e-3"])
    assert reader.final() == [{"MetricName": "test:loss", "Value": 0.001, "Timestamp": 5.0}]


def test_metrics_that_are_not_finite_are_ignored():
    reader = MetricReader([LOSS], clock=lambda: 5.0)
    reader.read(["loss <score>=nan", "loss <score>=inf", "loss <score>=none"])
    assert reader.final() == []
