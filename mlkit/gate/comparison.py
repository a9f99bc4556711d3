"""The comparison of a new model with production's on the same rows. It needs no numpy: the build that seals evidence reads it."""

from dataclasses import dataclass

from mlkit.gate.estimate import Difference, Estimate


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the champion, production's model at `model_s3_uri`, answers for the challenger's rows.

    `difference` is the challenger's metric minus the champion's. `problem` says why there is none, and then both figures are None.
    """

    model_s3_uri: str
    champion: Estimate | None = None
    difference: Difference | None = None
    problem: str = ""

    def __post_init__(self) -> None:
        figures = [figure is not None for figure in (self.champion, self.difference)]
        if any(figures) == bool(self.problem) or any(figures) != all(figures):
            raise ValueError("a comparison has either both figures or a problem")

    def __str__(self) -> str:
        return f"production's model could not be tested: {self.problem}" if self.problem else f"challenger less champion {self.difference}"
