"""LSTM, Bi-LSTM and Bi-GRU over frames: the recurrent networks of the MMFF paper's Table 7.

Paper: Zhu et al., "Skeleton Sequence and RGB Frame Based Multi-Modality Feature Fusion Network
for Action Recognition", TOMM 2022, section 3.2, equations 1-3, after Hochreiter and Schmidhuber,
"Long short-term memory", 1997. Each frame is one step: the joints of all persons side by side (150
numbers for two persons of 25 joints), one to three layers of 300 units, and the cell state after
the last step (of both directions: 600 numbers) is classified by one linear layer. A GRU has no
cell state; its last hidden state takes that place (reconstructed).

Differs: frames before the first and after the last in which somebody is seen are no steps, so that
padding changes nothing: the last state is that after the last frame with somebody, and the
backward direction starts there. An absent person's joints are zero, as in the paper.

Reconstructed: dropout (the paper has none to tell of; 0 by default) between layers and before the
classifier.

Size at 60 classes, 2 persons of 25 joints and 32 frames, three layers: Bi-LSTM 5.45 M parameters
and 0.17 G multiply-adds (the paper: 2.0 M and 6.3 G, which no three layers of this width have;
even 300 frames come to 1.6 G), LSTM 2.01 M and 0.06 G, Bi-GRU 4.10 M and 0.13 G.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Literal, cast

import torch
from torch import Tensor, nn

from gesta.errors import ModelError
from gesta.models.model import SkeletonModel
from gesta.models.registry import Paper, Stated, register_model
from gesta.nn import Dropout, exporting
from gesta.nn.persons import unless_full
from gesta.skeleton import Layout

PERSONS = 2

MMFF_PAPER = Paper(
    "Skeleton Sequence and RGB Frame Based Multi-Modality Feature Fusion Network for Action "
    "Recognition",
    "Xiaoguang Zhu, Ye Zhu, Haoyu Wang, Honglin Wen, Yan Yan, Peilin Liu",
    "ACM TOMM",
    2022,
    """@article{zhu2022skeleton,
  title = {Skeleton Sequence and {RGB} Frame Based Multi-Modality Feature Fusion Network for
           Action Recognition},
  author = {Zhu, Xiaoguang and Zhu, Ye and Wang, Haoyu and Wen, Honglin and Yan, Yan and
            Liu, Peilin},
  journal = {ACM Transactions on Multimedia Computing, Communications, and Applications},
  year = {2022}
}""",
)

Cell = Literal["lstm", "gru"]

# What opens or shuts a gate altogether: its sigmoid is 1 or 0 to the last bit.
_SHUT = 1e4


class RecurrentLayer(nn.Module):
    """One layer of LSTM or GRU units that holds its state in frames before and after a clip.

    There a further input shuts the input gate and opens the forget gate (of a GRU: the update
    gate), so that the state stays what it is to the last bit. Lengths need not be known, and the
    same operator serves training, compilation and export. Only the cell state is held: between
    two valid frames an LSTM would go on with another output.

    Args:
        cell: "lstm" or "gru".
        entering: numbers a frame.
        hidden: units of each direction.
        both: whether a second direction goes backward.
    """

    hold: Tensor

    def __init__(self, cell: Cell, entering: int, hidden: int, both: bool) -> None:
        super().__init__()
        self.cell, self.entering, self.hidden, self.both = cell, entering, hidden, both
        make = nn.LSTM if cell == "lstm" else nn.GRU
        self.units = make(entering, hidden, batch_first=True, bidirectional=both)
        # The order of the gates: input, forget, cell, output; reset, update, new.
        gates = (-_SHUT, _SHUT, 0.0, 0.0) if cell == "lstm" else (0.0, _SHUT, 0.0)
        hold = torch.tensor(gates).repeat_interleave(hidden)[:, None]
        self.register_buffer("hold", hold, persistent=False)

    def forward(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        """Go through the frames, equations 1-3.

        Args:
            x: (N, T, D), finite everywhere.
            keep: (N, T) bool, the valid frames, which have no gap; None: all.

        Returns:
            The output of each frame (N, T, D'), of no meaning in those that are not valid, and
            the last cell state (of a GRU: hidden state) of all directions (N, D').
        """
        # A compiler would write out every step of every layer.
        return self._run(x, keep) if exporting() else self._run_uncompiled(x, keep)

    def multiply_adds(self, output: tuple[Tensor, Tensor]) -> dict[str, int]:
        """The multiply-adds that made `output`, by kind."""
        gates = 4 if self.cell == "lstm" else 3
        return {"linear": output[0].numel() * gates * (self.entering + self.hidden)}

    @torch.compiler.disable
    def _run_uncompiled(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        return self._run(x, keep)

    def _run(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        weights = self._weights(keep is not None)
        if keep is not None:
            x = torch.cat([x, (~keep)[..., None].to(x.dtype)], -1)
        start = x.new_zeros(1 + self.both, x.shape[0], self.hidden)
        # Biases, one layer, no dropout, mode, directions, clips first.
        rest = (weights, True, 1, 0.0, self.training, self.both, True)
        if self.cell == "lstm":
            output, _, state = torch.lstm(x, (start, start), *rest)
        else:
            output, state = torch.gru(x, start, *rest)
        return output, state.transpose(0, 1).flatten(1)

    def _weights(self, held: bool) -> list[Tensor]:
        """Those of each direction: input, hidden, and both biases; with the further input."""
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        ends = ("", "_reverse") if self.both else ("",)
        weights: list[Tensor] = [getattr(self.units, name + end) for end in ends for name in names]
        if held:
            for i in range(0, len(weights), len(names)):
                weights[i] = torch.cat([weights[i], self.hold.to(weights[i].dtype)], 1)
        return weights


class Recurrent(SkeletonModel):
    """The network; see the head of this file and `bi_lstm` for the options.

    Args:
        layout, num_classes, channels, frames, persons: as in `SkeletonModel`.
        cell: "lstm" or "gru".
        both: whether the layers go in both directions.
        layers: number of layers.
        hidden: units of each layer and direction.
        dropout: share of values dropped between layers and before the classifier.
    """

    def __init__(
        self,
        layout: Layout,
        num_classes: int,
        channels: int,
        frames: int | None,
        persons: int,
        *,
        cell: Cell,
        both: bool,
        layers: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__(layout, num_classes, channels, frames, persons)
        self.width = hidden * (1 + both)
        entering = [persons * len(layout) * channels] + [self.width] * (layers - 1)
        self.layers = nn.ModuleList(RecurrentLayer(cell, enter, hidden, both) for enter in entering)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(self.width, num_classes)

    def forward(self, poses: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (N, Y) of poses (N, M, T, V, C); mask (N, M, T) is True where a person is.

        Raises:
            ShapeError: an input of another shape or type than the model was made for.
        """
        return self.head(self.dropout(self.forward_vector(poses, mask)))

    def forward_vector(self, poses: Tensor, mask: Tensor | None = None) -> Tensor:
        """The last cell state (N, D) of the last layer; zero for a clip in which nobody is."""
        self.check_inputs(poses, mask)
        keep = None
        if mask is not None:
            poses = poses.masked_fill(~mask[..., None, None], 0)
            keep = unless_full(_without_gaps(mask.any(1)))
        x = poses.transpose(1, 2).flatten(2)
        for i, layer in enumerate(cast(Iterable[RecurrentLayer], self.layers)):
            x, state = layer(self.dropout(x) if i else x, keep)
        return state


def _without_gaps(keep: Tensor) -> Tensor:
    """The frames (N, T) from the first that is marked to the last."""
    begun = keep.int().cumsum(1) > 0
    return begun & (keep.int().flip(1).cumsum(1).flip(1) > 0)


def _build(
    sizes: tuple[Layout, int, int, int | None, int | None],
    cell: Cell,
    both: bool,
    layers: int,
    hidden: int,
    dropout: float,
) -> Recurrent:
    layout, num_classes, channels, frames, persons = sizes
    if layers < 1 or hidden < 1 or not 0 <= dropout < 1:
        raise ModelError(
            "expected layers and hidden of at least 1 and dropout in [0, 1), found "
            f"layers={layers}, hidden={hidden}, dropout={dropout}"
        )
    return Recurrent(
        layout,
        num_classes,
        channels,
        frames,
        PERSONS if persons is None else persons,
        cell=cell,
        both=both,
        layers=layers,
        hidden=hidden,
        dropout=dropout,
    )


_SMALL = {"hidden": 16, "layers": 2}

_register = partial(
    register_model, inputs=("poses", "mask"), paper=MMFF_PAPER, small=_SMALL, recipe="recurrent"
)


@_register("lstm", stated=(Stated(2_005_260, 63_378_000, frames=32),))
def lstm(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    layers: int = 3,
    hidden: int = 300,
    dropout: float = 0.0,
) -> Recurrent:
    """Build the network of LSTM layers in one direction; options as of `bi_lstm`.

    Args:
        layout, num_classes, channels, frames: see `create_model`.
        persons: M, whose joints are side by side; None: 2.
        layers: number of layers; the paper tries 1 to 3.
        hidden: units of each layer.
        dropout: share of values dropped between layers and before the classifier.

    Raises:
        ModelError: an option out of its range.
    """
    sizes = (layout, num_classes, channels, frames, persons)
    return _build(sizes, "lstm", False, layers, hidden, dropout)


@_register("bi_lstm", stated=(Stated(5_450_460, 172_836_000, frames=32),))
def bi_lstm(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    layers: int = 3,
    hidden: int = 300,
    dropout: float = 0.0,
) -> Recurrent:
    """Build the network of LSTM layers in both directions, whose states stand side by side.

    Args:
        layout, num_classes, channels, frames: see `create_model`.
        persons: M, whose joints are side by side; None: 2.
        layers: number of layers; the paper tries 1 to 3.
        hidden: units of each layer and direction.
        dropout: share of values dropped between layers and before the classifier.

    Raises:
        ModelError: an option out of its range.
    """
    sizes = (layout, num_classes, channels, frames, persons)
    return _build(sizes, "lstm", True, layers, hidden, dropout)


@_register("bi_gru", stated=(Stated(4_096_860, 129_636_000, frames=32),))
def bi_gru(
    layout: Layout,
    num_classes: int,
    channels: int,
    frames: int | None,
    persons: int | None,
    *,
    layers: int = 3,
    hidden: int = 300,
    dropout: float = 0.0,
) -> Recurrent:
    """Build the network of GRU layers in both directions, whose states stand side by side.

    Args:
        layout, num_classes, channels, frames: see `create_model`.
        persons: M, whose joints are side by side; None: 2.
        layers: number of layers; the paper tries 1 to 3.
        hidden: units of each layer and direction.
        dropout: share of values dropped between layers and before the classifier.

    Raises:
        ModelError: an option out of its range.
    """
    sizes = (layout, num_classes, channels, frames, persons)
    return _build(sizes, "gru", True, layers, hidden, dropout)
