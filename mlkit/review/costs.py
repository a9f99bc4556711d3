"""What the execution's jobs and queries took, what they cost if a price is known, and the picture of the training."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from markupsafe import Markup

from mlkit.evidence.run_record import JobRecord
from mlkit.review.bundle_contents import Contents
from mlkit.review.notebook_html import picture, sanitized

_PRICES = "usd_per_instance_hour"  # the notebook's parameter: instance type to USD
_CURVE = "metric_by_epoch("  # the call that draws the training curve
_PICTURES = ("image/png", "image/svg+xml")


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """One SageMaker job; `usd` is None without a price for its instance type."""

    job: JobRecord
    usd: float | None


def cost_rows(contents: Contents) -> list[CostRow]:
    """The jobs of all runs that count."""
    jobs = chain.from_iterable(run.activity.jobs for run in contents.current.values())
    prices = _prices(contents)
    return [CostRow(job=job, usd=_usd(job, prices)) for job in jobs]


def queries_told(contents: Contents) -> tuple[int, int]:
    """The number of Athena queries, and the bytes that they scanned."""
    queries = [query for run in contents.current.values() for query in run.activity.queries]
    return len(queries), sum(query.bytes_scanned or 0 for query in queries)


def training_curve(contents: Contents) -> Markup | None:
    """The picture that the training notebook drew of its loss by epoch; None if there is none."""
    for output in chain.from_iterable(_outputs(run.notebook) for run in contents.current.values()):
        data, metadata = output.get("data", {}), output.get("metadata", {})
        for mime in _PICTURES:
            if mime in data:
                image = picture(mime, "".join(data[mime]), "".join(data.get("text/plain", "")), metadata.get(mime))
                return Markup(sanitized(image))
    return None


def _outputs(notebook: bytes | None) -> Iterable[Mapping[str, Any]]:
    try:
        cells = json.loads(notebook or b"{}").get("cells", [])
        drawn = [cell for cell in cells if cell["cell_type"] == "code" and _CURVE in "".join(cell["source"])]
        return [output for cell in drawn for output in cell["outputs"] if isinstance(output.get("data"), dict)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _prices(contents: Contents) -> dict[str, float]:
    records = [run.record for run in contents.current.values() if run.record]
    given = [parameter.value for record in records for parameter in record.parameters if parameter.name == _PRICES]
    pairs = chain.from_iterable(value.items() for value in given if isinstance(value, dict))
    return {str(kind): price for kind, price in pairs if isinstance(price, int | float) and math.isfinite(price)}


def _usd(job: JobRecord, prices: Mapping[str, float]) -> float | None:
    price = prices.get(job.instance_type or "")
    if price is None or job.billable_seconds is None or job.instance_count is None:
        return None
    return price * job.billable_seconds * job.instance_count / 3600
