"""A training job's checkpoint: one file from which a later process trains on to the same model, bit for bit.

It is in the folder that SageMaker gives to a job for checkpoints, /opt/ml/checkpoints.
"""

import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from localaws.factorization_machines.compiled_loops import Weights
from localaws.factorization_machines.hyperparameters import Hyperparameters
from localaws.factorization_machines.row_store import RowStore
from localaws.factorization_machines.trainer import State

NAME = "factorization-machines.npz"
VERSION = 1
_GROUPS = ("weights", "means", "variances")
CURE = "Use another S3Uri in CheckpointConfig, or delete the objects below it."


def save(folder: Path, state: State, params: Hyperparameters, rows: RowStore) -> None:
    """Replace the folder's checkpoint. A process that is killed meanwhile leaves the earlier one."""
    arrays = {f"{group}_{name}": array for group in _GROUPS for name, array in getattr(state, group)._asdict().items()}
    about = {"version": VERSION, **_of_job(params, rows)}
    about |= {"steps": state.steps, "epoch": state.epoch, "batch": state.batch, "seconds": state.seconds}
    unfinished = folder.parent / f"{NAME}.unfinished"  # beside the folder, whose files may be uploaded at any time
    with unfinished.open("wb") as file:
        np.savez(file, about=np.frombuffer(json.dumps(about).encode(), np.uint8), so_far=state.so_far, **arrays)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / NAME)


def load(folder: Path, params: Hyperparameters, rows: RowStore) -> State | None:
    """The state in the folder's checkpoint, None if there is none. `epochs` may differ from the earlier job's.

    Raises ValueError with the text for the job's FailureReason if it is damaged or belongs to other data or hyperparameters.
    """
    if not (folder / NAME).exists():
        return None
    try:
        with (folder / NAME).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            groups = {group: Weights(*(arrays[f"{group}_{name}"] for name in Weights._fields)) for group in _GROUPS}
            so_far = arrays["so_far"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"ClientError: The checkpoint {NAME} cannot be read: {error}. {CURE}") from error
    if about.get("version") != VERSION:
        raise ValueError(f"ClientError: The checkpoint {NAME} has version {about.get('version')}, not {VERSION}. {CURE}")
    different = [name for name, value in _of_job(params, rows).items() if about.get(name) != value]
    if different:
        raise ValueError(f"ClientError: The checkpoint {NAME} is of a job with another value of: {', '.join(different)}. {CURE}")
    return State(
        **groups, so_far=so_far, steps=about["steps"], epoch=about["epoch"], batch=about["batch"], seconds=about["seconds"]
    )  # fmt: skip


def _of_job(params: Hyperparameters, rows: RowStore) -> dict[str, object]:
    """What must be the same in a job that goes on: all hyperparameters but `epochs`, and the rows of the channel `train`."""
    return {**{name: value for name, value in asdict(params).items() if name != "epochs"}, "data": rows.digest}
