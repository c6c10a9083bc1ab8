"""All of a training that the next epoch depends on, in one file."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import torch

from gesta.archive.durable import write_durably
from gesta.errors import FormatError
from gesta.training.history import EpochRecord
from gesta.training.loop import Session

VERSION = 1


def save_checkpoint(path: str | Path, session: Session) -> None:
    """Write the state after an epoch, whole or not at all.

    No generator is in it: all randomness follows from the seed and the epoch.
    """
    average = session.average
    state = {
        "version": VERSION,
        "model": session.model.state_dict(),
        "optimizer": session.optimizer.state_dict(),
        "average": None if average is None else average.model.state_dict(),
        "average_steps": 0 if average is None else average.steps,
        "history": [record.to_dict() for record in session.history],
        "kept": None if session.kept is None else session.kept.epoch,
        "kept_weights": session.kept_weights,
    }
    # By way of memory: torch.save tells of a full disk by a RuntimeError and leaves half a file.
    content = io.BytesIO()
    torch.save(state, content)
    write_durably(Path(path), content.getvalue())


def restore_checkpoint(path: str | Path, session: Session) -> None:
    """Bring a session, made from the same recipe, to the state of a checkpoint.

    Raises:
        FormatError: the file is damaged or from another version.
    """
    try:
        state = torch.load(path, map_location=session.device, weights_only=True)
        if state["version"] != VERSION:
            raise ValueError(f"version {state['version']}")
        session.model.load_state_dict(state["model"])
        session.optimizer.load_state_dict(state["optimizer"])
        if session.average is not None:
            session.average.model.load_state_dict(state["average"])
            session.average.steps = state["average_steps"]
        session.history[:] = [EpochRecord(**record) for record in state["history"]]
        session.kept = None if state["kept"] is None else session.history[state["kept"]]
        session.kept_weights = state["kept_weights"]
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, AttributeError,
            pickle.UnpicklingError) as error:  # fmt: skip
        raise FormatError(
            path,
            "file",
            f"a checkpoint of version {VERSION} of this recipe",
            f"{type(error).__name__}: {error}".splitlines()[0],
            "delete it to begin again",
        ) from error
