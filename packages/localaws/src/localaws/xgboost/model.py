"""The model artifact: the library's own file, as the container writes and reads it."""

from pathlib import Path

import xgboost

from localaws.kit.files import write_whole

NAME = "xgboost-model"


def save(booster: xgboost.Booster, folder: Path) -> None:
    """Write `xgboost-model` as Booster.save_model() does where a name has no ending: UBJSON. Whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / NAME, bytes(booster.save_raw("ubj")))


def load(folder: Path) -> xgboost.Booster:
    """The model in the folder: its one file, UBJSON or JSON of the library, whatever its name. Raises ValueError.

    The container also takes several files, which it averages, and pickles, which could run anything in this process.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise ValueError(f"the model archive must hold one file of a model, {NAME}; it holds {names}")
    content = files[0].read_bytes()
    # the library ends the process at an empty buffer, and guesses the format by the first bytes
    if content[:1] != b"{":
        raise ValueError(f"Model at {files[0].name} cannot be loaded: it is neither UBJSON nor JSON of XGBoost (pickles are not loaded)")
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
