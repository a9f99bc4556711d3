"""One sentence that an approver must see first."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One sentence. `grave` ones speak against the model or the evidence; the others want a thought. `quoted` are a step's own words."""

    text: str
    grave: bool = False
    quoted: str = ""
