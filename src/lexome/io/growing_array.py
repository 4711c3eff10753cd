"""Arrays on disk that grow row by row."""

from pathlib import Path

import numpy as np


class GrowingArray:
    """An .npy file to which rows are added; its header is written again when their number is known.

    Args:
        path: the file.
        dtype: of its numbers.
        row_shape: of one row.
    """

    def __init__(self, path: Path, dtype: np.dtype, row_shape: tuple[int, ...]) -> None:
        self._dtype, self._row_shape = dtype, row_shape
        self.length = 0
        self._file = path.open("w+b")
        self._write_header()
        self._start = self._file.tell()

    def _write_header(self) -> None:
        shape = (self.length, *self._row_shape)
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def add(self, rows: np.ndarray) -> None:
        """Adds rows.

        Raises:
            ValueError: if they have another shape than the first ones.
        """
        if rows.shape[1:] != self._row_shape:
            raise ValueError(f"rows of the shape {rows.shape[1:]} in an array of {self._row_shape}")
        self._file.write(np.ascontiguousarray(rows, self._dtype).tobytes())
        self.length += len(rows)

    def finish(self) -> None:
        """Completes the file; nothing can be added after that."""
        self._file.seek(0)
        self._write_header()
        # numpy leaves room in a header for a number of rows that grows
        assert self._file.tell() == self._start
        self.close()

    def close(self) -> None:
        """Closes the file, whole or not."""
        self._file.close()
