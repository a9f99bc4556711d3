"""Reads the rows of a split from its shards in S3."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from mlkit.aws.endpoint_test import BASELINE_ROWS
from mlkit.aws.s3_objects import read_verified
from mlkit.aws.session import Session
from mlkit.errors import InvalidData
from mlkit.notebook.handoff import Channel
from sagemaker_formats.recordio import decode


def read_rows(aws: Session, channel: Channel, *, at_least: int = BASELINE_ROWS) -> tuple[csr_array, npt.NDArray[np.float32]]:
    """Features `(rows, feature_dim)` and labels of the first shards that together have `at_least` rows, or of all."""
    blocks: list[csr_array] = []
    labels: list[npt.NDArray[np.float32]] = []
    for item in channel.objects:
        rows = decode(read_verified(aws, item))
        if rows.labels is None:
            raise InvalidData("A shard has no labels", cure="Run 01_prep again.")
        blocks.append(rows.to_csr())
        labels.append(rows.labels)
        if sum(map(len, labels)) >= at_least:
            break
    return vstack(blocks, format="csr"), np.concatenate(labels)
