"""Writes the diabetes data as the CSV that the lake's table `patients` reads: python load_data.py TARGET."""

import sys
from pathlib import Path

from sklearn.datasets import load_diabetes

SOURCE = """\
Diabetes, 442 patients, as scikit-learn ships it (sklearn.datasets.load_diabetes).
B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, 2004, Least Angle Regression, Annals of Statistics 32:407-499,
https://doi.org/10.1214/009053604000000067. What is learned from it here is an exercise and no medical device."""


def write_table(target: Path) -> int:
    """One line per patient: a number in the published order, the progression after a year, ten columns. Returns the number of patients."""
    data = load_diabetes(as_frame=True, scaled=False)
    table = data.data
    table.insert(0, "patient", range(1, len(table) + 1))
    table.insert(1, "progression", data.target)
    table.to_csv(target, index=False, lineterminator="\n")
    return len(table)


if __name__ == "__main__":
    print(f"{write_table(Path(sys.argv[1])):,} patients")
    print(SOURCE)
