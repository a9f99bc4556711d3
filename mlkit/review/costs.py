"""What the execution's jobs and queries took, and what they cost if a price is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from mlkit.evidence.run_record import JobRecord, QueryRecord
from mlkit.review.bundle_contents import Contents
from mlkit.review.reviewed import ActionTime
from mlkit.review.shown_text import duration, seconds

_PRICES = "usd_per_instance_hour"  # the notebook's parameter: instance type to USD
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


def queries_of(contents: Contents) -> list[QueryRecord]:
    """The Athena queries of all runs that count."""
    return [query for run in contents.current.values() for query in run.activity.queries]


def totals_told(contents: Contents, actions: Sequence[ActionTime]) -> str:
    """`The execution took 25 min 3 s until it was sealed; its jobs were billed 1 min 11 s.`; empty if neither is known."""
    billed = [row.job.billable_seconds for row in cost_rows(contents) if row.job.billable_seconds is not None and not row.job.reused]
    whole = duration(min((one.started for one in actions), default=""), contents.manifest.sealed_at)
    parts = [f"the execution took {whole} until it was sealed"] if whole else []
    parts += [f"its jobs were billed {seconds(sum(billed))} in all"] if billed else []
    told = "; ".join(parts)
    return f"{told[:1].upper()}{told[1:]}." if told else ""


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
