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


def test_a_job_that_logs_thousands_of_lines_a_second_reports_one_value_a_second_and_the_last():
    times = iter(number / 1000 for number in range(2501))
    reported = []
    reader = MetricReader([LOSS], clock=lambda: next(times), report=reported.append)
    reader.read([f"loss <score>={number}" for number in range(2501)])
    assert [metric["Value"] for metric in reported] == [0.0, 1000.0, 2000.0]
    reader.final()
    assert [metric["Value"] for metric in reported] == [0.0, 1000.0, 2000.0, 2500.0]


def test_a_last_value_that_was_reported_is_not_reported_twice():
    reported = []
    reader = MetricReader([LOSS, RATE], clock=lambda: 5.0, report=reported.append)
    reader.read(["loss <score>=1", "rate <score>=2"])
    assert len(reader.final()) == len(reported) == 2
