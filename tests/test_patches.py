"""Padding and its way back, cutting, and the stream of batches."""

import numpy as np
import pytest
import torch

from helpers import augment, patches


@pytest.mark.parametrize(("height", "width"), [(584, 565), (16, 17), (9, 8), (31, 24)])
def test_pad_then_crop_is_identity(height, width):
    x = torch.rand(1, 2, height, width)
    padded = patches.pad_to_multiple(x, 8)
    assert padded.shape[-2] % 8 == padded.shape[-1] % 8 == 0
    assert padded.shape[-2] - height < 8 and padded.shape[-1] - width < 8
    assert torch.equal(patches.crop_to(padded, height, width), x)


def test_padding_mirrors_without_repeating_the_edge():
    x = torch.arange(6.0).view(1, 1, 1, 6).expand(1, 1, 8, 6)
    assert patches.pad_to_multiple(x, 4)[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 4, 3]


def test_an_image_too_small_to_mirror_is_refused():
    with pytest.raises(ValueError, match="too small to be mirrored"):
        patches.pad_to_multiple(torch.zeros(1, 1, 3, 8), 8)


def test_cut():
    image = np.arange(24).reshape(1, 4, 6)
    assert patches.cut(image, 1, 2, 3)[0, 0].tolist() == [8, 9, 10]
    with pytest.raises(ValueError, match="rows go to 1, columns to 3"):
        patches.cut(image, 2, 0, 3)


def stream(seed=0, change=augment.augment):
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((1, 40, 50)).astype(np.float32) for _ in range(3)]
    fov = np.zeros((1, 40, 50), bool)
    fov[:, 5:35, 5:45] = True
    vessels = [x[:1] > 1 for x in inputs]
    return patches.PatchBatches(inputs, vessels, [fov] * 3, 16, 4, seed, change)


def test_order_shapes_and_types():
    image, vessels, fov = next(stream())
    assert image.shape == vessels.shape == fov.shape == (4, 1, 16, 16)
    assert image.dtype == vessels.dtype == fov.dtype == torch.float32


def test_without_augmentation_label_and_image_belong_together():
    batches = stream(change=augment.centre_crop)
    for _ in range(5):
        image, vessels, fov = next(batches)
        inside = fov.bool()
        assert torch.equal((image > 1)[inside], vessels.bool()[inside])
        assert (fov[..., 8, 8] == 1).all()  # cut around a pixel inside the FOV


def test_the_seed_decides_and_the_state_resumes():
    a, b = stream(3), stream(3)
    for _ in range(2):
        first, second = next(a), next(b)
    assert all(torch.equal(x, y) for x, y in zip(first, second, strict=True))
    state = a.state_dict()
    expected = [next(a)[0] for _ in range(3)]
    other = stream(9)
    other.load_state_dict(state)
    assert all(torch.equal(next(other)[0], x) for x in expected)
    assert not torch.equal(next(stream(4))[0], next(stream(3))[0])
