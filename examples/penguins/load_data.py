"""Writes the Palmer penguins as the CSV that the lake's table `penguins` reads: python load_data.py TARGET."""

import sys
from pathlib import Path

from palmerpenguins import load_penguins

SOURCE = """\
Palmer penguins, 344 penguins of three species, as the package palmerpenguins ships them.
Horst A. M., Hill A. P., Gorman K. B., 2020, palmerpenguins: Palmer Archipelago (Antarctica) penguin data,
https://doi.org/10.5281/zenodo.3960218. Licence: CC0 1.0."""


def write_table(target: Path) -> int:
    """One line per penguin: its number in the published order, species, island, measurements, sex, year. Returns the number of penguins.

    A value that nobody measured is empty.
    """
    table = load_penguins()
    table.insert(0, "penguin", range(1, len(table) + 1))
    table.to_csv(target, index=False, lineterminator="\n")
    return len(table)


if __name__ == "__main__":
    print(f"{write_table(Path(sys.argv[1])):,} penguins")
    print(SOURCE)
