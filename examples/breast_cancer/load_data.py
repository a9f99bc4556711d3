"""Writes the Wisconsin Diagnostic Breast Cancer data as the CSV that the lake's table `measurements` reads: python load_data.py TARGET."""

import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer

SOURCE = """\
Breast Cancer Wisconsin (Diagnostic), 569 samples, as scikit-learn ships it (sklearn.datasets.load_breast_cancer).
W. Wolberg, O. Mangasarian, N. Street, W. Street, 1993, UCI Machine Learning Repository, https://doi.org/10.24432/C5DW2B
Licence: Creative Commons Attribution 4.0 (CC BY 4.0). What is learned from it here is an exercise and no medical device."""


def write_table(target: Path) -> int:
    """One line per sample: its number in the published order, the diagnosis, thirty measurements. Returns the number of samples."""
    data = load_breast_cancer(as_frame=True)
    table = data.data.rename(columns=lambda name: name.replace(" ", "_"))
    table.insert(0, "sample", range(1, len(table) + 1))
    table.insert(1, "diagnosis", data.target_names[data.target])
    table.to_csv(target, index=False, lineterminator="\n")
    return len(table)


if __name__ == "__main__":
    print(f"{write_table(Path(sys.argv[1])):,} samples")
    print(SOURCE)
