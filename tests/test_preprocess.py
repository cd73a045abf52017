"""The chain against scikit-image and by hand; statistics from training only."""

import numpy as np
import pytest
from skimage import exposure

from helpers import preprocess


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    smooth = np.linspace(0.2, 0.7, 113)[None, None] * np.ones((3, 117, 1))
    return (smooth + 0.05 * rng.standard_normal(smooth.shape)).clip(0, 1).astype("f4")


def test_green_is_the_second_channel(image):
    assert np.array_equal(preprocess.green(image)[0], image[1])


def test_clahe_counts_tiles_and_does_not_measure_them():
    """For DRIVE's size, 8 x 8 tiles are scikit-image's kernel of 73 x 71 pixels."""
    rng = np.random.default_rng(1)
    grey = rng.random((1, 584, 565)).astype(np.float32)
    expected = exposure.equalize_adapthist(grey[0], (73, 71), 2 / 256)
    assert np.allclose(preprocess.clahe(grey)[0], expected, atol=1e-6)


def test_gamma_of_the_classic_chain_brightens():
    half = np.full((1, 1, 1), 0.5, np.float32)
    assert preprocess.gamma(half).item() == pytest.approx(0.561, abs=5e-4)
    assert preprocess.gamma(half, 1.2).item() == pytest.approx(0.435, abs=5e-4)
    with pytest.raises(ValueError, match="positive"):
        preprocess.gamma(half, 0)


def test_enhance_is_green_then_clahe_then_gamma(image):
    out = preprocess.enhance(image)
    assert out.shape == (1, 117, 113) and out.dtype == np.float32
    assert 0 <= out.min() and out.max() <= 1
    tile = (15, 15)  # rounded up: eight tiles cover 117 x 113, a ninth is not needed
    expected = exposure.equalize_adapthist(image[1], tile, 2 / 256) ** (1 / 1.2)
    assert np.allclose(out[0], expected, atol=1e-6)
    image[[0, 2]] = 0  # red and blue do not count
    assert np.array_equal(preprocess.enhance(image), out)


def test_prepare_puts_the_colours_beside_it(image):
    out = preprocess.prepare(image)
    assert out.shape == (4, 117, 113) and out.dtype == np.float32
    assert np.array_equal(out[:1], preprocess.enhance(image))
    assert np.array_equal(out[1:], image)


def test_standardisation_uses_pixels_inside_the_fov_only(image):
    fov = np.zeros((1, 117, 113), bool)
    fov[:, 20:90, 20:90] = True
    scaling = preprocess.fit_standardisation([image[:1]], [fov])
    inside = scaling(image[:1])[fov]
    assert inside.mean() == pytest.approx(0, abs=1e-5)
    assert inside.std() == pytest.approx(1, abs=1e-5)
    assert scaling(image[:1]).dtype == np.float32
    dirty = np.where(fov, image[:1], 9)
    assert preprocess.fit_standardisation([dirty], [fov]) == scaling


def test_constant_images_are_refused():
    flat, fov = np.full((1, 5, 5), 0.3, np.float32), np.ones((1, 5, 5), bool)
    with pytest.raises(ValueError, match="constant"):
        preprocess.fit_standardisation([flat], [fov])
