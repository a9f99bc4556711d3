"""The model artifact: the library's file, as the container writes and reads it."""

from pathlib import Path

import xgboost

from localaws.kit.files import write_whole
from localaws.xgboost import ubjson

NAME = "xgboost-model"


def save(booster: xgboost.Booster, folder: Path) -> None:
    """Write `xgboost-model` atomically, in UBJSON. Booster.save_model() uses UBJSON for a file name without an extension."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / NAME, bytes(booster.save_raw("ubj")))


def load(folder: Path) -> xgboost.Booster:
    """The model in the folder. It must be the only file, in the library's UBJSON or JSON, with any name. Raises ValueError.

    The container also accepts several files, which it averages, and pickles. A pickle could run any code in this process.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise ValueError(f"the model archive must hold one file of a model, {NAME}; it holds {names}")
    content = files[0].read_bytes()
    # the library ends the process for an empty buffer, and detects the format by the first bytes
    if content[:1] != b"{":
        raise ValueError(f"Model at {files[0].name} cannot be loaded: it is neither UBJSON nor JSON of XGBoost (pickles are not loaded)")
    if not (_is_json(content) or ubjson.is_whole(content)):
        raise ValueError(f"Model at {files[0].name} cannot be loaded: its end is missing, or it is no UBJSON")
    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(content))
        n_features = booster.num_features()
    except (xgboost.core.XGBoostError, UnicodeDecodeError, MemoryError) as error:
        text = str(error).split("\nStack trace:")[0]
        raise ValueError(f"Model at {files[0].name} cannot be loaded: {text}") from error
    if n_features < 1:
        raise ValueError(f"Model at {files[0].name} cannot be loaded: it has no features")
    return booster


def _is_json(content: bytes) -> bool:
    """Whether the library reads it as JSON. An object of UBJSON begins with a type or a length where JSON has a quote or a space."""
    return content[1:2] in (b'"', b"}", b" ", b"\n", b"\r", b"\t")
