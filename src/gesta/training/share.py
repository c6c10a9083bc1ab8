"""The weight of a stream whose decisions are fused, chosen by the validation part."""

from __future__ import annotations

import torch

from gesta.evaluation import more_inputs
from gesta.training.loop import Session


@torch.no_grad()
def choose_share(session: Session) -> dict[str, float]:
    """Let a model that fuses decisions choose their weight; others, and final runs, stay as is.

    Args:
        session: its model is in evaluation mode, with the weights that are kept.

    Returns:
        The model's options as chosen, which a final training is given; none where none was.
    """
    choose = getattr(session.model, "choose_share", None)
    if choose is None or session.validation is None:
        return {}
    parts: list[tuple[torch.Tensor, ...]] = []
    for positions in torch.arange(len(session.validation.ids)).split(session.recipe.loop.batch):
        batch = session.validation.batch(positions)
        rows = session.pipeline(batch, training=False, generator=None)
        more = more_inputs(session.model, rows)
        moved, looked, _ = session.model.forward_heads(rows.poses, rows.mask, **more)
        parts.append((moved, looked, rows.labels))
    return {"share": choose(*(torch.cat(part) for part in zip(*parts, strict=True)))}
