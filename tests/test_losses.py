"""Losses by hand, at their limits, and inside the FOV only."""

import pytest
import torch

from helpers.losses import bce_dice_loss, bce_loss, soft_dice_loss

PROBS = torch.tensor([[[[0.9, 0.6], [0.2, 0.1]]]])
LOGITS = torch.logit(PROBS)
VESSELS = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
FOV = torch.ones(1, 1, 2, 2)


def test_two_by_two_by_hand():
    assert bce_loss(LOGITS, VESSELS, FOV).item() == pytest.approx(0.2362, abs=1e-4)
    loss = soft_dice_loss(LOGITS, VESSELS, FOV, smooth=0.0).item()
    assert loss == pytest.approx(1 - 2 * 1.5 / (1.8 + 2), abs=1e-6)
    both = bce_dice_loss(LOGITS, VESSELS, FOV, dice_weight=2.0).item()
    assert both == pytest.approx(
        bce_loss(LOGITS, VESSELS, FOV) + 2 * soft_dice_loss(LOGITS, VESSELS, FOV)
    )


def test_limits():
    sure = 1000 * (2 * VESSELS - 1)
    assert soft_dice_loss(sure, VESSELS, FOV).item() == pytest.approx(0, abs=1e-6)
    assert bce_loss(sure, VESSELS, FOV).item() == pytest.approx(0, abs=1e-6)
    assert soft_dice_loss(-sure, VESSELS, FOV, smooth=0.0).item() == pytest.approx(1)
    empty = torch.zeros_like(VESSELS)
    assert soft_dice_loss(-1000 * FOV, empty, FOV).item() == pytest.approx(0, abs=1e-6)
    assert bce_loss(LOGITS, VESSELS, empty).item() == 0


@pytest.mark.parametrize("loss_fn", [bce_loss, soft_dice_loss, bce_dice_loss])
def test_pixels_outside_the_fov_have_no_say(loss_fn):
    torch.manual_seed(0)
    logits = torch.randn(1, 1, 8, 8, requires_grad=True)
    vessels = (torch.rand(1, 1, 8, 8) > 0.8).float()
    fov = torch.zeros(1, 1, 8, 8)
    fov[..., :4] = 1
    loss = loss_fn(logits, vessels, fov)
    loss.backward()
    assert logits.grad[..., 4:].abs().max() == 0
    assert logits.grad[..., :4].abs().max() > 0
    flipped = torch.where(fov.bool(), vessels, 1 - vessels)
    assert loss_fn(logits, flipped, fov).item() == loss.item()


def test_gradient_is_finite_at_extreme_logits():
    logits = torch.tensor([[[[100.0, -100.0]]]], requires_grad=True)
    bce_dice_loss(logits, 1 - logits.sign().relu(), torch.ones_like(logits)).backward()
    assert torch.isfinite(logits.grad).all()
