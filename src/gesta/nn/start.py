"""How layers start when nothing between them normalises."""

from __future__ import annotations

from torch import nn


def start_for_relu(*layers: nn.Module) -> None:
    """Start convolutions and linear layers so that a signal keeps its size through their ReLUs.

    Weights after He et al., "Delving Deep into Rectifiers", 2015, and biases at zero. Torch's own
    start shrinks a signal at each layer and adds biases of the same size for all clips: after four
    convolutions of coordinates in metres hardly anything of what tells clips apart is left.

    Args:
        layers: convolutions, linear layers, or modules that hold some.
    """
    for module in (part for layer in layers for part in layer.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
