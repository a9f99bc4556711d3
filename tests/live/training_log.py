"""The training container's own log, and its metrics per epoch beside those of the local AWS's trainer on the same rows."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from live.lab import Lab
from localaws.algorithm_kit.channel_rows import read_blocks
from localaws.factorization_machines import hyperparameters, metrics, trainer
from localaws.factorization_machines.row_store import RowStore
from mlkit.aws.s3_objects import list_objects, read_object, split_uri
from mlkit.errors import MlkitError, NotFound

GROUP = "/aws/sagemaker/TrainingJobs"
_QUALITY = re.compile(r"#quality_metric: host=\S+, epoch=(\d+), train (\S+) <(?:score|loss)>=(\S+)")
Epochs = Mapping[int, Mapping[str, float]]


def compare(lab: Lab) -> str:
    """Save both and their table; says how far they are apart in the last epoch."""
    job = _job(lab)
    lines = _log(lab, job["TrainingJobName"])
    lab.folder.save("training_job.json", job)
    lab.folder.save("training.log", "\n".join(lines) + "\n")
    container, ours = parse(lines), _trained_here(lab, job)
    if not container:
        raise MlkitError(f"The log of {len(lines)} lines has no metric per epoch in the form we know", cure="Send back training.log.")
    lab.folder.save("metrics.md", table(container, ours))
    lab.folder.save("metrics.json", {"container": container, "localaws": ours})
    last = max(container)
    apart = [f"{name} {container[last][name]:.4f} against {ours.get(last, {}).get(name, float('nan')):.4f}" for name in container[last]]
    return f"epoch {last}, container against ours: {', '.join(apart)}"


def parse(lines: Sequence[str]) -> dict[int, dict[str, float]]:
    """The metrics of whole epochs by epoch."""
    found = dict[int, dict[str, float]]()
    for epoch, name, value in (match.groups() for line in lines if (match := _QUALITY.search(line))):
        found.setdefault(int(epoch), {})[name] = float(value)
    return found


def table(container: Epochs, ours: Epochs) -> str:
    """One line per epoch: each metric of the container, then ours."""
    names = sorted({name for values in container.values() for name in values})
    head = "| epoch | " + " | ".join(f"{name}, container | ours" for name in names) + " |"
    rows = [head, "|---" * (1 + 2 * len(names)) + "|"]
    for epoch in sorted({*container, *ours}):
        cells = [_cell(side.get(epoch, {}).get(name)) for name in names for side in (container, ours)]
        rows.append(f"| {epoch} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f}"


def _job(lab: Lab) -> dict[str, Any]:
    """The training job of the first execution."""
    pages = lab.client("codepipeline").get_paginator("list_action_executions")
    named = {"pipelineName": lab.folder.fact("pipeline"), "filter": {"pipelineExecutionId": lab.folder.fact("first_execution")}}
    for item in pages.paginate(**named).search("actionExecutionDetails[]"):
        if name := item.get("output", {}).get("outputVariables", {}).get("TRAINING_JOB"):
            found: dict[str, Any] = lab.client("sagemaker").describe_training_job(TrainingJobName=name)
            return found
    raise NotFound("The first execution exported no TRAINING_JOB", cure="Look at the log of Build_and_Train.ModelTraining.")


def _log(lab: Lab, job: str) -> list[str]:
    """The lines of the job's streams, one stream for each of its machines."""
    logs = lab.client("logs")
    streams = logs.get_paginator("describe_log_streams").paginate(logGroupName=GROUP, logStreamNamePrefix=f"{job}/").search("logStreams[]")
    lines = list[str]()
    for stream in streams:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, logStreamNames=[stream["logStreamName"]])
        lines += [line for event in pages.search("events[]") for line in event["message"].splitlines()]
    return lines


def _trained_here(lab: Lab, job: Mapping[str, Any]) -> dict[int, dict[str, float]]:
    """The metrics per epoch of our trainer, on the objects of the job's train channel and with its hyperparameters."""
    params = hyperparameters.parse(job["HyperParameters"])
    channel = next(item for item in job["InputDataConfig"] if item["ChannelName"] == "train")
    with tempfile.TemporaryDirectory() as folder:
        _download(lab, channel["DataSource"]["S3DataSource"]["S3Uri"], Path(folder))
        blocks = read_blocks(Path(folder), feature_dim=params.feature_dim, is_classifier=params.is_classifier)
        rows = RowStore(blocks, batch_rows=params.mini_batch_size)
    reports = trainer.train(params, rows, trainer.begin(trainer.initial_weights(params)))
    return {one.epoch: metrics.values(one.so_far, is_classifier=params.is_classifier) for one in reports if one.is_last}


def _download(lab: Lab, s3_uri: str, folder: Path) -> None:
    bucket, prefix = split_uri(s3_uri)
    for item in list_objects(lab.aws, s3_uri):
        path = folder / item["Key"].removeprefix(prefix).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read_object(lab.aws, f"s3://{bucket}/{item['Key']}"))
