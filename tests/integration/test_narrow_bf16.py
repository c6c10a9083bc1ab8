"""Narrow networks in bfloat16: oneDNN overran its memory there and ended the process."""

import subprocess
import sys

import pytest

STEPS = """
import torch
from gesta.models import create_model
torch.manual_seed(0)
model = create_model("st_gcn", "coco_17", 4, 2, width={width}, blocks=9, temporal_kernel=3)
for step in range(60):
    poses = torch.randn(14 + step % 2, 1, 8, 17, 2)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(poses)
    logits.float().square().mean().backward()
    model.zero_grad()
"""


@pytest.mark.parametrize("width", [4, 8])
def test_a_narrow_network_learns_in_bf16(environment, width):
    # In a process of its own, which damaged memory may end; malloc looks for damage at each step.
    ran = subprocess.run(
        [sys.executable, "-c", STEPS.format(width=width)],
        env=environment | {"MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "85"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-300:]
