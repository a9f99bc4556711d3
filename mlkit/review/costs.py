"""What the execution's jobs and queries took, what they cost if a price is known, and the picture of the training."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from markupsafe import Markup

from mlkit.evidence.run_record import JobRecord
from mlkit.review.bundle_contents import Contents
from mlkit.review.notebook_html import picture, sanitized
from mlkit.review.shown_text import visible

_PRICES = "usd_per_instance_hour"  # the notebook's parameter: instance type to USD
_CURVE = "metric_by_epoch("  # the call that draws the training curve
_PICTURES = ("image/png", "image/svg+xml")
_HIGHEST = 10**9  # of a plausible price, time or number of instances


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
    for run in contents.current.values():
        try:
            found = next(_pictures(run.notebook), None)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # the notebook's own place on the page says that it is damaged
        if found:
            return Markup(sanitized(visible(found)))
    return None


def _pictures(notebook: bytes | None) -> Iterator[str]:
    """The pictures under the cells that draw the curve. Raises whatever a damaged notebook makes json or a dict raise."""
    for cell in json.loads(notebook or b"{}").get("cells", []):
        if cell["cell_type"] == "code" and _CURVE in "".join(cell["source"]):
            for output in cell["outputs"]:
                data, metadata = output.get("data", {}), output.get("metadata", {})
                for mime in _PICTURES:
                    if mime in data:
                        yield picture(mime, "".join(data[mime]), "".join(data.get("text/plain", "")), metadata.get(mime))


def _prices(contents: Contents) -> dict[str, float]:
    records = [run.record for run in contents.current.values() if run.record]
    given = [parameter.value for record in records for parameter in record.parameters if parameter.name == _PRICES]
    pairs = chain.from_iterable(value.items() for value in given if isinstance(value, dict))
    return {str(kind): float(price) for kind, price in pairs if isinstance(price, int | float) and 0 <= price < _HIGHEST}


def _usd(job: JobRecord, prices: Mapping[str, float]) -> float | None:
    price = prices.get(job.instance_type or "")
    if price is None or job.billable_seconds is None or job.instance_count is None:
        return None
    if not (0 <= job.billable_seconds < _HIGHEST and 0 <= job.instance_count < _HIGHEST):
        return None
    return price * job.billable_seconds * job.instance_count / 3600
