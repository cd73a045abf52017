"""Losses by hand, at their limits, and inside the FOV only."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from helpers import phantom
from helpers.losses import (
    bce_dice_loss,
    bce_loss,
    soft_dice_loss,
    weight_map,
    weighted_cross_entropy,
)

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


def test_weighted_cross_entropy_by_hand():
    """Equation (1): soft-max, then minus the logarithm of the true class's share."""
    logits = torch.tensor([2.0, 0.5, -1.0]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
    share = np.exp([2.0, 0.5, -1.0]) / np.exp([2.0, 0.5, -1.0]).sum()
    expected = -(3 * np.log(share[0]) + 0.5 * np.log(share[2])) / 2
    loss = weighted_cross_entropy(
        logits, torch.tensor([[[0, 2]]]), torch.tensor([[[3.0, 0.5]]])
    )
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_one_cell_has_the_class_weight_alone():
    labels = np.zeros((20, 20), int)
    labels[5:10, 5:15] = 1  # an eighth of the pixels
    weight = weight_map(labels)
    assert weight.dtype == np.float32 and weight.shape == labels.shape
    assert weight[labels == 1] == pytest.approx(0.5 / 0.125)
    assert weight[labels == 0] == pytest.approx(0.5 / 0.875)
    assert weight.mean() == pytest.approx(1)


def test_between_two_cells_stands_the_formula():
    """Two columns nine pixels apart: midway both distances are 5."""
    labels = np.zeros((41, 30), int)
    labels[:, :10], labels[:, 19:] = 1, 7  # numbers may have gaps
    share = (labels == 0).mean()
    weight = weight_map(labels, w0=10, sigma=5)
    assert weight[20, 14] == pytest.approx(0.5 / share + 10 * np.exp(-100 / 50))
    beside = weight_map(labels, w0=4, sigma=3)[20, 10]  # distances 1 and 9
    assert beside == pytest.approx(0.5 / share + 4 * np.exp(-100 / 18))
    assert weight[20, 5] == pytest.approx(0.5 / (1 - share))  # inside: w_c alone


def test_weight_map_is_that_of_whole_distance_maps():
    """The windows round the cells lose nothing that can be seen."""
    labels = ndimage.label(phantom.draw_cells(3, 120, 90).cells[0])[0]
    each = [
        ndimage.distance_transform_edt(labels != k) for k in range(1, labels.max() + 1)
    ]
    d1, d2 = np.sort(each, axis=0)[:2]
    gap = 10 * np.exp(-((d1 + d2) ** 2) / 50) * (labels == 0)
    share = (labels == 0).mean()
    balance = np.where(labels == 0, 0.5 / share, 0.5 / (1 - share))
    assert np.allclose(weight_map(labels), balance + gap, atol=1e-5)


def test_weight_map_without_a_class_weighs_all_alike():
    assert (weight_map(np.zeros((4, 5), int)) == 1).all()
    assert (weight_map(np.ones((4, 5), int)) == 1).all()


def test_labels_and_weights_of_the_wrong_kind_are_refused():
    cells = phantom.draw_cells(3, 64, 64).cells
    with pytest.raises(ValueError, match=r"labels are bool \(64, 64\).*for each cell"):
        weight_map(cells[0])
    with pytest.raises(ValueError, match=r"\(1, 64, 64\); needed is \(H, W\) int"):
        weight_map(cells.astype(int))
    logits, classes = torch.zeros(2, 2, 4, 4), torch.zeros(2, 4, 4, dtype=torch.long)
    with pytest.raises(ValueError, match=r"weight is \(2, 1, 4, 4\).*weight\[:, 0\]"):
        weighted_cross_entropy(logits, classes, torch.ones(2, 1, 4, 4))
