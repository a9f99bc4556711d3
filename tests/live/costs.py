"""What a run costs and how long it takes: list prices by service, with the page to compare them with, times what the run uses."""

from dataclasses import dataclass

AS_OF = "2026-11-30"
REGION = "us-east-1"
_SAGEMAKER = "https://aws.amazon.com/sagemaker/pricing/"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """`units` is what a run uses at the expected durations, above free tiers."""

    service: str
    what: str
    units: float
    unit: str
    usd: float
    source: str

    @property
    def total(self) -> float:
        return self.units * self.usd


COSTS = (
    Cost(service="SageMaker", what="three training jobs, ml.c5.xlarge", units=0.2, unit="hour", usd=0.204, source=_SAGEMAKER),
    Cost(service="SageMaker", what="QA endpoint, ml.t2.medium", units=0.3, unit="hour", usd=0.056, source=_SAGEMAKER),
    Cost(service="SageMaker", what="production endpoint, ml.t2.medium", units=1.5, unit="hour", usd=0.056, source=_SAGEMAKER),
    Cost(service="CodeBuild", what="builds, general1.medium", units=30, unit="minute", usd=0.01, source="https://aws.amazon.com/codebuild/pricing/"),
    Cost(service="CodeBuild", what="builds, general1.small", units=15, unit="minute", usd=0.005, source="https://aws.amazon.com/codebuild/pricing/"),
    Cost(service="CodePipeline", what="actions", units=60, unit="minute", usd=0.002, source="https://aws.amazon.com/codepipeline/pricing/"),
    Cost(service="KMS", what="two keys, until they are deleted 7 days later", units=0.5, unit="month", usd=1.0, source="https://aws.amazon.com/kms/pricing/"),
    Cost(service="CloudTrail", what="data events", units=0.1, unit="100,000", usd=0.1, source="https://aws.amazon.com/cloudtrail/pricing/"),
    Cost(service="Athena", what="queries at their minimum of 10 MB", units=0.0005, unit="TB", usd=5.0, source="https://aws.amazon.com/athena/pricing/"),
    Cost(service="CloudWatch", what="five alarms, logs", units=0.1, unit="month", usd=1.0, source="https://aws.amazon.com/cloudwatch/pricing/"),
    Cost(service="S3", what="requests and storage", units=1, unit="run", usd=0.02, source="https://aws.amazon.com/s3/pricing/"),
)  # fmt: skip


def by_service() -> dict[str, float]:
    """USD by service, the dearest first."""
    sums = dict[str, float]()
    for cost in COSTS:
        sums[cost.service] = sums.get(cost.service, 0) + cost.total
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def table() -> str:
    """The costs as a Markdown table, for the question and for docs/live.md."""
    rows = [
        f"| {cost.service} | {cost.what} | {cost.units:g} {cost.unit} | {cost.usd:g} | {cost.total:.2f} | [page]({cost.source}) |"
        for cost in COSTS
    ]
    head = ["| service | what | units | USD per unit | USD | source |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows, f"| **all** | | | | **{sum(by_service().values()):.2f}** | |"])
