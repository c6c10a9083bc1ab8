"""Narrow networks: oneDNN overran its memory there and ended the process."""

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

PICTURES = """
import torch
from gesta.models import create_image_network
torch.manual_seed(0)
network = create_image_network("xception", 2, width={width})
for step in range(3):
    images = torch.randn(6 + step % 2, 3, 149, 149)
    network.classify(network(images)).square().mean().backward()
    network.zero_grad()
"""
SHORT = """
import torch
from gesta.models.context_branch import ContextBranch
torch.manual_seed(0)
branch = ContextBranch({width})
for step in range(20):
    video = torch.randn(2 + step % 2, 3, 4, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        maps = branch(video)
    maps.float().square().mean().backward()
    branch.zero_grad()
"""


@pytest.mark.parametrize(
    "steps, width",
    [(STEPS, 4), (STEPS, 8), (PICTURES, 0.08), (SHORT, 4)],
    ids=["st_gcn 4", "st_gcn 8", "xception", "short video"],
)
def test_a_narrow_network_learns(environment, steps, width):
    # In a process of its own, which damaged memory may end; malloc looks for damage at each step.
    ran = subprocess.run(
        [sys.executable, "-c", steps.format(width=width)],
        env=environment | {"MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "85"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-300:]
