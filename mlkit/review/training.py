"""The training as the notebook showed it: the picture of its curve, and whether the curve has as many epochs as were asked for."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from mlkit.review.bundle_contents import Contents
from mlkit.review.notebook_html import picture, sanitized
from mlkit.review.shown_text import visible

_CURVE = "metric_by_epoch("  # the call that draws the training curve
_EPOCHS = "epochs"  # the notebook's parameter
_OVER = re.compile(r"\bover (\d{1,9}) epochs\b")  # in the description that the drawing call writes
_PICTURES = ("image/png", "image/svg+xml")


def training_curve(contents: Contents) -> Markup | None:
    """The picture that the training notebook drew of its loss by epoch; None if there is none."""
    for run in contents.current.values():
        for data, metadata in _outputs(run.notebook):
            if mime := next((mime for mime in _PICTURES if mime in data), None):
                try:
                    drawn = picture(mime, "".join(data[mime]), "".join(data.get("text/plain", "")), metadata.get(mime))
                except (ValueError, TypeError, AttributeError):
                    break  # the notebook's own place on the page says that it is damaged
                return Markup(sanitized(visible(drawn)))
    return None


def epochs_that_differ(contents: Contents) -> Iterator[tuple[int, int]]:
    """(epochs asked for, epochs of the curve) of each notebook where both are known and differ. A tuning chooses its own number."""
    if contents.trained.get("tuning_job"):
        return
    for run in contents.current.values():
        asked = next((one.value for one in run.record.parameters if one.name == _EPOCHS), None) if run.record else None
        drawn = next(_epochs_told(run.notebook), None)
        if isinstance(asked, int) and drawn is not None and asked != drawn:
            yield asked, drawn


def _epochs_told(notebook: bytes | None) -> Iterator[int]:
    for data, metadata in _outputs(notebook):
        told = [data.get("text/plain", ""), *(facts.get("alt", "") for facts in metadata.values() if isinstance(facts, dict))]
        yield from (int(found[1]) for text in told if (found := _OVER.search(str(text))))


def _outputs(notebook: bytes | None) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Data and metadata of the outputs under the cells that draw the curve; none of a damaged notebook."""
    try:
        cells = [cell for cell in json.loads(notebook or b"{}").get("cells", []) if cell["cell_type"] == "code"]
        outputs = [output for cell in cells if _CURVE in "".join(cell["source"]) for output in cell["outputs"]]
        found = [(output.get("data", {}), output.get("metadata", {})) for output in outputs]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    yield from ((data, facts) for data, facts in found if isinstance(data, dict) and isinstance(facts, dict))
