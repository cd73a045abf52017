"""Geometry that moves all layers together, undone exactly, decided by its generator."""

import numpy as np
import pytest
import torch

from helpers import augment


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def windows(batch=4, size=48):
    """Return a smooth blob as image, the same blob as label, and a half FOV."""
    axis = torch.arange(size, dtype=torch.float32)
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    disc = ((rows - 20) ** 2 + (columns - 30) ** 2 < 60).float()
    image = disc.expand(batch, 1, size, size).clone()
    fov = (columns > 16).float().expand(batch, 1, size, size).clone()
    return image, image.clone(), fov


@pytest.mark.parametrize("k", range(8))
def test_d4_and_back(k):
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(augment.undo_d4(augment.d4(x, k), k), x)


def test_d4_gives_eight_different_pictures():
    x = torch.arange(9.0).view(1, 1, 3, 3)
    assert len({tuple(augment.d4(x, k).flatten().tolist()) for k in range(8)}) == 8


def test_image_vessels_and_fov_move_together():
    image, vessels, fov = windows()
    image = torch.cat(
        [image, fov], 1
    )  # the label's own copies travel as image channels
    image, vessels, fov = augment.augment(image, vessels, fov, 32, generator())
    for moved, label in ((image[:, :1], vessels), (image[:, 1:], fov)):
        for patch, target in zip(moved, label, strict=True):
            middle = (patch.min() + patch.max()) / 2  # grey values were changed too
            assert ((patch > middle) == target.bool()).float().mean() > 0.97


def test_labels_stay_binary_and_sizes_hold():
    image, vessels, fov = augment.augment(*windows(), 32, generator())
    assert image.shape == vessels.shape == fov.shape == (4, 1, 32, 32)
    assert set(vessels.unique().tolist()) <= {0.0, 1.0}
    assert set(fov.unique().tolist()) <= {0.0, 1.0}
    assert image.dtype == torch.float32


def test_the_generator_alone_decides():
    torch.manual_seed(1)
    a = augment.augment(*windows(), 32, generator(5))
    torch.manual_seed(2)
    b = augment.augment(*windows(), 32, generator(5))
    c = augment.augment(*windows(), 32, generator(6))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(a[0], c[0])


def test_warp_with_no_offset_is_the_centre():
    x = torch.rand(2, 1, 10, 14)
    axis_rows, axis_columns = torch.arange(4.0) - 1.5, torch.arange(4.0) - 1.5
    grid = torch.stack(torch.meshgrid(axis_rows, axis_columns, indexing="ij"), -1)
    out = augment.warp(x, grid.expand(2, 4, 4, 2), "bilinear")
    assert torch.allclose(out, x[..., 3:7, 5:9], atol=1e-5)


def test_warp_counts_rows_first():
    ramp = torch.arange(20.0).view(1, 1, 20, 1).expand(1, 1, 20, 20)  # grows downwards
    down = torch.zeros(1, 1, 1, 2)
    down[..., 0] = 3
    assert augment.warp(ramp, down, "bilinear").item() == pytest.approx(12.5)


def test_elastic_displacement_is_smooth_and_in_pixels():
    field = augment.elastic_displacement(64, 33, generator(), sd=10.0)
    assert field.shape == (64, 33, 33, 2)
    corners = field[:, ::16, ::16]  # the coarse 3 x 3 grid itself
    assert corners.std().item() == pytest.approx(10, rel=0.1)
    assert field.diff(dim=1).abs().median() < 1.5  # neighbours differ by little


def test_affine_grid_keeps_the_scale_in_its_band():
    grid = augment.affine_grid(200, 5, generator(), scale=1.2)
    step = (grid[:, 2, 3] - grid[:, 2, 2]).norm(dim=-1)
    assert step.min() >= 1 / 1.2 - 1e-4 and step.max() <= 1.2 + 1e-4
    turned = torch.atan2(*(grid[:, 2, 3] - grid[:, 2, 2]).unbind(-1))
    assert turned.min() < -2.5 and turned.max() > 2.5
    still = augment.affine_grid(50, 5, generator(), degrees=0, scale=1.0)
    axis = torch.arange(5) - 2.0
    assert torch.allclose(still[..., 1].abs(), axis.abs().expand(50, 5, 5), atol=1e-5)


def test_centre_crop_changes_nothing():
    image, vessels, fov = windows()
    out = augment.centre_crop(image, vessels, fov, 32, generator())
    assert torch.equal(out[0], image[..., 8:40, 8:40])
    assert torch.equal(out[2], fov[..., 8:40, 8:40])


def test_random_grey_is_one_line_per_patch_and_channel():
    image = torch.linspace(-1, 1, 16).view(1, 1, 4, 4).expand(3, 2, 4, 4)
    out = augment.random_grey(image, generator(), contrast=0.2, shift=0.1)
    lines = [
        np.polyfit(image[0, 0].flatten(), x.flatten(), 1) for x in out.flatten(0, 1)
    ]
    for slope, offset in lines:
        assert 0.8 <= slope <= 1.2 and -0.1 <= offset <= 0.1
    assert len({round(float(slope), 6) for slope, _ in lines}) == 6
    still = augment.random_grey(image, generator(), contrast=0, shift=0)
    assert torch.equal(still, image)


def test_random_sharpness_changes_details_and_keeps_the_rest():
    ramp = torch.arange(16.0).expand(8, 1, 16, 16).clone()
    out = augment.random_sharpness(ramp, generator())
    inner = (..., slice(2, -2), slice(2, -2))
    assert torch.allclose(out[inner], ramp[inner], atol=1e-5)  # a slope has no details
    ramp[..., 8, 8] += 1
    peaks = augment.random_sharpness(ramp, generator())[..., 8, 8] - 8
    assert peaks.min() < 0.8 and peaks.max() > 1.2  # blurred, and sharpened
    assert torch.equal(augment.random_sharpness(ramp, generator(), amount=0), ramp)
