"""Mirrored borders, tiles, cutting, and the stream of batches."""

import numpy as np
import pytest
import torch

from helpers import augment, patches
from helpers.unet import UNet


@pytest.mark.parametrize("length", [2, 3, 7, 40])
@pytest.mark.parametrize("before", [0, 1, 5, 92])
@pytest.mark.parametrize("after", [0, 3, 96])
def test_mirror_is_numpys_reflect(length, before, after):
    x = torch.rand(2, 3, length, 2 * length)
    edges = ((0, 0), (0, 0), (before, after), (after, before))
    expected = np.pad(x.numpy(), edges, mode="reflect")
    mirrored = patches.mirror(x, (before, after), (after, before))
    assert np.array_equal(mirrored.numpy(), expected)


def test_mirror_of_a_single_pixel():
    assert (patches.mirror(torch.ones(1, 1), (3, 2), (0, 1)) == torch.ones(6, 2)).all()


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("length", [1, 16, 100, 565])
def test_tiles_cover_each_pixel_once_on_the_lattice(padding, length):
    net = UNet(1, 1, (1, 1, 1, 1, 1), padding=padding, batch_norm=False)
    for tile in (16, 96, 384, None):
        covered = np.zeros(length, int)
        for span in patches.spans(length, tile, net):
            window = span.window.stop - span.window.start
            assert window in net.sizes and span.window.start % 16 == 0
            kept = span.inner.stop - span.inner.start
            assert kept == span.place.stop - span.place.start
            assert span.window.start + span.inner.start == span.place.start
            assert span.inner.stop <= window - 2 * net.border
            covered[span.place] += 1
        assert (covered == 1).all()


def test_a_tile_of_384_takes_a_window_of_572():
    net = UNet(1, 2, (1,) * 5, padding="valid", batch_norm=False)
    first, second = patches.spans(500, 384, net)
    assert first == (slice(0, 572), slice(0, 384), slice(0, 384))
    assert second == (slice(384, 684), slice(0, 116), slice(384, 500))  # 684 is enough
    assert patches.spans(388, None, net) == [
        (slice(0, 572), slice(0, 388), slice(0, 388))
    ]


def test_a_step_of_388_is_refused():
    net = UNet(1, 2, (1,) * 5, padding="valid", batch_norm=False)
    with pytest.raises(ValueError, match="multiple of 16, such as 384 or 400"):
        patches.spans(1000, 388, net)
    with pytest.raises(ValueError, match="such as 16 or 32"):
        patches.spans(1000, 0, net)


def test_cut():
    image = np.arange(24).reshape(1, 4, 6)
    assert patches.cut(image, 1, 2, 3)[0, 0].tolist() == [8, 9, 10]
    with pytest.raises(ValueError, match="rows go to 1, columns to 3"):
        patches.cut(image, 2, 0, 3)


def stream(seed=0, change=augment.augment, device="cpu"):
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((1, 40, 50)).astype(np.float32) for _ in range(3)]
    fov = np.zeros((1, 40, 50), bool)
    fov[:, 5:35, 5:45] = True
    vessels = [x[:1] > 1 for x in inputs]
    layers = (inputs, vessels, [fov] * 3)
    return patches.PatchBatches(*layers, 16, 4, seed, change, device)


def test_order_shapes_and_types():
    image, vessels, fov = next(stream())
    assert image.shape == vessels.shape == fov.shape == (4, 1, 16, 16)
    assert image.dtype == vessels.dtype == fov.dtype == torch.float32


def test_batches_are_made_where_the_pixels_lie():
    """The "meta" device has no numbers: whatever would fetch one fails there."""
    here, there = stream(3), stream(3, device="meta")
    for x, y in zip(next(here), next(there), strict=True):
        assert (y.device.type, x.shape) == ("meta", y.shape)
    state = here.state_dict()["generator"]
    assert torch.equal(there.state_dict()["generator"], state)  # drawn alike


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
