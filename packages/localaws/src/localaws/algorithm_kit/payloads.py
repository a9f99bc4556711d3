"""Reads requests to an endpoint and writes its answers, in the formats that AWS documents for its own algorithms.

https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from localaws.algorithm_kit.csv_rows import read_dense_request
from localaws.sagemaker.algorithm_images import InvalidPayload
from sagemaker_formats.errors import InvalidData
from sagemaker_formats.inference import JSON, JSONLINES, RECORDIO, Predictions, encode_recordio_predictions
from sagemaker_formats.recordio import Rows, decode, from_csr, to_float32

CSV = "text/csv"
TYPES = (JSON, JSONLINES, RECORDIO)


def read_rows(body: bytes, content_type: str, feature_dim: int, types: Sequence[str] = TYPES) -> Rows:
    """The request's rows. Raises InvalidPayload: 415 for another content type than `types`, 400 for a body that does not fit the model."""
    kind = content_type.split(";")[0].strip().lower()
    if kind not in types:
        raise InvalidPayload(415, f"Content type {content_type!r} is not supported. Supported content types: {', '.join(types)}")
    try:
        if kind == RECORDIO:
            return decode(body, feature_dim=feature_dim)
        if kind == CSV:
            return _from_csv(body, feature_dim)
        return _from_instances(_json_instances(body) if kind == JSON else _jsonlines_instances(body), feature_dim)
    except (InvalidData, ValueError, OverflowError, RecursionError) as error:
        raise InvalidPayload(400, f"Unable to evaluate the payload for a model with feature_dim {feature_dim}: {error}") from error


def write_predictions(predictions: Predictions, kind: str, *, label_texts: Sequence[str] = ("0.0", "1.0")) -> bytes:
    """The answer's body. Scores are written as float64, which represents a float32 exactly. `label_texts` spell the labels in JSON."""
    if kind == RECORDIO:
        return encode_recordio_predictions(predictions)
    scores = predictions.scores.astype(np.float64).tolist()
    if predictions.labels is None:
        items = [f'{{"score": {score!r}}}' for score in scores]
    else:
        endings = [f'"predicted_label": {text}}}' for text in label_texts]
        items = [
            f'{{"score": {score!r}, {endings[label]}' for score, label in zip(scores, predictions.labels.astype(int).tolist(), strict=True)
        ]
    text = "\n".join(items) + "\n" if kind == JSONLINES else f'{{"predictions": [{", ".join(items)}]}}'
    return text.encode()


def _from_csv(body: bytes, feature_dim: int) -> Rows:
    values = read_dense_request(body)
    if values.shape[1] != feature_dim:
        raise ValueError(f"a row has {values.shape[1]} features")
    if np.isnan(values).any():
        raise ValueError("a value is missing")
    return from_csr(csr_array(values))


def _json_instances(body: bytes) -> list[Any]:
    document = json.loads(body)
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list):
        raise ValueError('the body has no list "instances"')  # noqa: TRY004  (what the caller sent is a value)
    return instances


def _jsonlines_instances(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines() if line.strip()]


def _from_instances(instances: Sequence[Any], feature_dim: int) -> Rows:
    if not instances:
        raise ValueError("there is no instance")
    keys: list[int] = []
    values: list[float] = []
    ends = [0]
    for number, instance in enumerate(instances):
        try:
            features = instance["features"] if "features" in instance else instance["data"]["features"]
            take: Callable[..., None] = _take_sparse if "keys" in features else _take_dense
            take(features, feature_dim, keys, values)
        except (KeyError, TypeError, IndexError) as error:
            wanted = '{"features": [..]} or {"data": {"features": {"keys": [..], "shape": [..], "values": [..]}}}'
            raise ValueError(f"instance {number} is not of the form {wanted}") from error
        except ValueError as error:
            raise ValueError(f"instance {number}: {error}") from error
        ends.append(len(keys))
    return _rows(keys, values, ends, feature_dim)


def _take_sparse(features: dict[str, Any], feature_dim: int, keys: list[int], values: list[float]) -> None:
    if features["shape"] != [feature_dim]:
        raise ValueError(f"its shape is {features['shape']}")
    if len(features["keys"]) != len(features["values"]):
        raise ValueError(f"{len(features['keys'])} keys for {len(features['values'])} values")
    keys += features["keys"]
    values += features["values"]


def _take_dense(features: Any, feature_dim: int, keys: list[int], values: list[float]) -> None:
    dense = features["values"] if isinstance(features, dict) else features
    if not isinstance(dense, list):
        raise TypeError("not a list")
    if len(dense) != feature_dim:
        raise ValueError(f"it has {len(dense)} features")
    entries = [(key, value) for key, value in enumerate(dense) if value != 0]
    keys += [key for key, _ in entries]
    values += [value for _, value in entries]


def _rows(keys: list[int], values: list[float], ends: list[int], feature_dim: int) -> Rows:
    if not set(map(type, keys)) <= {int}:
        raise ValueError(f"the key {next(key for key in keys if type(key) is not int)!r} is not an integer")
    if not set(map(type, values)) <= {int, float}:
        raise ValueError(f"the value {next(value for value in values if type(value) not in (int, float))!r} is not a number")
    if keys and not (min(keys) >= 0 and max(keys) < feature_dim):
        wrong_key = next(index for index, key in enumerate(keys) if not 0 <= key < feature_dim)
        raise ValueError(f"instance {int(np.searchsorted(ends, wrong_key, side='right')) - 1}: the key {keys[wrong_key]} is out of range")
    return Rows(
        indptr=np.array(ends, np.int64),
        keys=np.array(keys, np.int64),
        values=to_float32("values", np.array(values, np.float64)),
        labels=None,
        feature_dim=feature_dim,
    )
