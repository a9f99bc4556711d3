"""The rows of a channel in blocks of whole mini-batches, to be read once for each epoch.

Rows are decoded once. The first MEMORY_BYTES stay in memory, the others go to a file without a name, which ends with the process. So memory
does not grow with the number of rows.
"""

import tempfile
import weakref
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from localaws.algorithm_kit.channel_rows import Dataset, join

MEMORY_BYTES = 1 << 26


class RowStore:
    """The rows of `blocks`, in mini-batches of `batch_rows`; the last one may be smaller. `folder` takes the file for a large channel."""

    def __init__(self, blocks: Iterable[Dataset], *, batch_rows: int, folder: Path | None = None, memory_bytes: int = MEMORY_BYTES) -> None:
        self.batch_rows = batch_rows
        self._checksums = [0, 0, 0, 0]
        self.largest_batch = 0  # entries
        self._starts = [0]  # of each block, and the number of rows
        self._kept: list[Dataset] = []
        self._in_file: list[tuple[int, int, int]] = []  # position, rows and entries of each block
        self._room = memory_bytes
        self._folder = folder
        self._file: BinaryIO | None = None
        self._last: tuple[int, Dataset] | None = None
        for block in _of_whole_batches(blocks, batch_rows):
            self._add(block)

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def digest(self) -> str:
        """Names the rows and their order, but not their blocks."""
        return "-".join(f"{checksum:08x}" for checksum in self._checksums)

    @property
    def n_batches(self) -> int:
        return -(-len(self) // self.batch_rows)

    def blocks(self) -> Iterator[Dataset]:
        """All rows."""
        return (self._block(number) for number in range(len(self._starts) - 1))

    def batches(self, first: int, last: int) -> Iterator[tuple[Dataset, int, int]]:
        """The mini-batches first..last as blocks, each with its first row and the row after its last."""
        row, stop = first * self.batch_rows, min(len(self), last * self.batch_rows)
        while row < stop:
            number = bisect_right(self._starts, row) - 1
            start, end = self._starts[number], min(stop, self._starts[number + 1])
            yield self._block(number), row - start, end - start
            row = end

    def _add(self, block: Dataset) -> None:
        arrays = block.indptr, block.keys, block.values, block.labels
        whole = (np.diff(block.indptr), *arrays[1:])
        self._checksums = [zlib.crc32(array.data, before) for array, before in zip(whole, self._checksums, strict=True)]
        ends = block.indptr[np.append(np.arange(0, len(block), self.batch_rows), len(block))]
        self.largest_batch = max(self.largest_batch, int(np.diff(ends).max()))
        self._starts.append(len(self) + len(block))
        self._room -= sum(array.nbytes for array in arrays)
        if self._room >= 0 and not self._in_file:
            self._kept.append(block)
            return
        if self._file is None:
            self._file = cast(BinaryIO, tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115  (it lives as long as the store)
            weakref.finalize(self, self._file.close)
        self._in_file.append((self._file.tell(), len(block), block.keys.size))
        for array in arrays:
            self._file.write(array.data)

    def _block(self, number: int) -> Dataset:
        if number < len(self._kept):
            return self._kept[number]
        if self._last is None or self._last[0] != number:
            position, n_rows, n_entries = self._in_file[number - len(self._kept)]
            self._last = None  # never two of them in memory
            file = cast(BinaryIO, self._file)
            file.seek(position)
            indptr = np.fromfile(file, np.int64, n_rows + 1)
            keys, values = np.fromfile(file, np.int32, n_entries), np.fromfile(file, np.float32, n_entries)
            labels = np.fromfile(file, np.float32, n_rows)
            self._last = number, Dataset(indptr=indptr, keys=keys, values=values, labels=labels)
        return self._last[1]


def _of_whole_batches(blocks: Iterable[Dataset], batch_rows: int) -> Iterator[Dataset]:
    """The same rows in blocks of whole mini-batches; the last block has the rest."""
    waiting: list[Dataset] = []
    n_waiting = 0
    for block in blocks:
        waiting.append(block)
        n_waiting += len(block)
        if n_waiting >= batch_rows:
            rows, cut = join(waiting), n_waiting - n_waiting % batch_rows
            yield rows[:cut]
            waiting, n_waiting = ([rows[cut:]], n_waiting - cut) if cut < n_waiting else ([], 0)
    if n_waiting:
        yield join(waiting)
