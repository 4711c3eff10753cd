"""From the rows of a pile-up window to the features of its columns.

Legend: N windows, R rows, L columns, P passes (subreads), V values that a row can hold, F features before the
condenser, D features behind it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn
from torch.nn.functional import embedding, embedding_bag

NUM_SN_ROWS = 4


class RowGroup(NamedTuple):
    """Neighbouring rows that are looked up in one table.

    `shift` is added to what the rows hold to get the place in the table, which has `num_values` places.
    """

    name: str
    table: str
    num_rows: int
    num_values: int
    width: int
    shift: int = 0


@dataclass(frozen=True)
class PileupRows:
    """The rows of a window.

    Attributes:
        passes: subreads that a window has room for.
        ccs_qualities: whether a row holds the qualities of the draft (CCS) bases.
        width: features of everything but strands.
        strand_width: features of strands.
    """

    passes: int = 20
    ccs_qualities: bool = False
    width: int = 8
    strand_width: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.passes <= 1000 or not 1 <= self.width <= 1000 or not 1 <= self.strand_width <= 1000:
            raise ValueError("passes, width and strand_width must be 1 to 1000")

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        """The rows from first to last."""
        passes, width = self.passes, self.width
        return (
            RowGroup("bases", "bases", passes, 5, width),
            RowGroup("pulse widths", "pulse_widths", passes, 256, width),
            RowGroup("interpulse durations", "interpulse", passes, 256, width),
            RowGroup("strands", "strands", passes, 3, self.strand_width),
            RowGroup("draft bases", "bases", 1, 5, width),
            *([RowGroup("draft qualities", "ccs_qualities", 1, 95, width, 1)] * self.ccs_qualities),
            RowGroup("signal-to-noise ratios", "signal_to_noise", NUM_SN_ROWS, 501, width),
        )

    @property
    def num_rows(self) -> int:
        """R."""
        return sum(group.num_rows for group in self.groups)

    @property
    def num_features(self) -> int:
        """F."""
        return sum(group.num_rows * group.width for group in self.groups)


class PileupEmbedding(nn.Module):
    """Looks up every row of every column and condenses what is found: (N, R, L) -> (N, L, D).

    Rows, from first to last: bases of the passes (0 gap, A 1, T 2, C 3, G 4), their pulse widths (0 to 255),
    interpulse durations (0 to 255) and strands (0 none, 1 forward, 2 reverse), the draft's bases, its
    qualities if the configuration has them (-1 gap, 0 to 93), four signal-to-noise ratios (0 to 500). Value 0
    (of qualities: -1) stands for nothing and gives zeros. All else is multiplied by the square root of its
    width. The condenser is a linear layer without bias.

    Source: DeepConsensus 1.2. Differs: a value outside its table is refused on every device.
    """

    def __init__(self, config: PileupRows, size: int) -> None:
        super().__init__()
        self.config = config
        self.tables = nn.ModuleDict(
            {group.table: nn.Embedding(group.num_values, group.width) for group in config.groups}
        )
        self.condenser = nn.Linear(config.num_features, size, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new weights."""
        for table in self.tables.values():
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=table.embedding_dim**-0.5)
        nn.init.xavier_uniform_(self.condenser.weight)

    def places(self, rows_NRL: Num[Tensor, "N R L"]) -> Int[Tensor, "N L R"]:
        """Where in its table each value stands.

        Args:
            rows_NRL: whole numbers of any type; of others (signal-to-noise ratios) the part behind the point
                is dropped.

        Raises:
            ValueError: for another number of rows, or a value outside its table.
        """
        config = self.config
        if rows_NRL.shape[1] != config.num_rows:
            raise ValueError(
                f"a window has {rows_NRL.shape[1]} rows; for {config.passes} passes, "
                f"{'with' if config.ccs_qualities else 'without'} draft qualities, it needs {config.num_rows}"
            )
        # shifting comes first: a fraction above -1 is no quality, and would be cut to 0
        shift_R1 = self._of_rows(rows_NRL, [group.shift for group in config.groups])
        shifted_NRL = rows_NRL + shift_R1 if config.ccs_qualities else rows_NRL
        if not torch.jit.is_tracing():
            self._check(shifted_NRL)
        return shifted_NRL.transpose(1, 2).to(torch.int32).contiguous()

    def _of_rows(self, like: Tensor, values: list[int]) -> Int[Tensor, "R 1"]:
        """A value of each group for all of its rows."""
        repeated = [
            value for value, g in zip(values, self.config.groups, strict=True) for _ in range(g.num_rows)
        ]
        return torch.tensor(repeated, dtype=torch.int32, device=like.device)[:, None]

    def _check(self, shifted_NRL: Tensor) -> None:
        """Looks at the values before they are cut to whole numbers: what is no number is in no table."""
        end_R1 = self._of_rows(shifted_NRL, [group.num_values for group in self.config.groups])
        before = end_R1.new_full((1,), -1)  # a tensor: as a plain number it would be 255 beside uint8
        wrong_NRL = ~((shifted_NRL > before) & (shifted_NRL < end_R1))
        if not bool(wrong_NRL.any()):
            return
        n, row, column = (int(i) for i in wrong_NRL.nonzero()[0])
        end = 0
        for group in self.config.groups:
            end += group.num_rows
            if row < end:
                low, high = -group.shift, group.num_values - 1 - group.shift
                value = shifted_NRL[n, row, column].item() - group.shift
                raise ValueError(
                    f"window {n}, row {row}, column {column}: {group.name} are {low} to {high}, not {value:g}"
                )

    def table(self, group: RowGroup) -> Float[Tensor, "V W"]:
        """What is looked up for a group: scaled, zeros for nothing."""
        weight_VW = self.tables[group.table].weight
        assert isinstance(weight_VW, Tensor)
        return torch.nn.functional.pad(weight_VW[1:] * group.width**0.5, (0, 0, 1, 0))

    def forward(self, rows_NRL: Num[Tensor, "N R L"]) -> Float[Tensor, "N L D"]:
        """Features of every column."""
        places_NLR = self.places(rows_NRL)
        found, start = [], 0
        for group in self.config.groups:
            rows = places_NLR[..., start : start + group.num_rows]
            found.append(embedding(rows, self.table(group)).flatten(2))
            start += group.num_rows
        return self.condenser(torch.cat(found, dim=-1))

    def folded(self) -> "FoldedPileupEmbedding":
        """The same for calling only, with the condenser inside the tables."""
        return FoldedPileupEmbedding(self)


class FoldedPileupEmbedding(nn.Module):
    """A trained `PileupEmbedding` as one sum of table rows per column, equal up to rounding.

    Every row of the window has its own table: that of its group times the row's slice of the condenser. It
    holds (5 P + 2 * 256 P + ...) * D numbers and takes R * D sums per column where the condenser takes F * D
    products.
    """

    def __init__(self, plain: PileupEmbedding) -> None:
        super().__init__()
        self.plain = plain
        tables, first_R, start, total = [], [], 0, 0
        with torch.no_grad():
            for group in plain.config.groups:
                table_VW = plain.table(group)
                for _ in range(group.num_rows):
                    slice_DW = plain.condenser.weight[:, start : start + group.width]
                    tables.append(table_VW @ slice_DW.T)
                    first_R.append(total)
                    start += group.width
                    total += group.num_values
            self.register_buffer("sums_VD", torch.cat(tables), persistent=False)
            self.register_buffer("first_R", torch.tensor(first_R, dtype=torch.int32), persistent=False)

    def forward(self, rows_NRL: Num[Tensor, "N R L"]) -> Float[Tensor, "N L D"]:
        """Features of every column."""
        places_NLR = self.plain.places(rows_NRL) + self.get_buffer("first_R")
        sums_VD = self.get_buffer("sums_VD")
        return embedding_bag(places_NLR.flatten(0, 1), sums_VD, mode="sum").unflatten(0, places_NLR.shape[:2])
