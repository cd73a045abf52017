"""Photographs of one's own: what is doubted."""

import numpy as np

from helpers import phantom, photo


def test_doubts_name_what_is_unlike_a_retina():
    x = phantom.draw(4, 292, 282)
    probs = np.where(x.vessels, 0.9, 0.05).astype(np.float32) * x.fov
    assert photo.doubts(x.image, x.fov, probs, 0.5) == []
    grey = np.repeat(x.image[1:2], 3, axis=0)
    (reason,) = photo.doubts(grey, x.fov, probs, 0.5)
    assert "not the colours of a retina (blue 33%" in reason
    (reason,) = photo.doubts(x.image, x.fov, probs * 0.01, 0.5)
    assert "0.0% of it marked as vessels" in reason
    (reason,) = photo.doubts(x.image, x.fov, probs * 0.6, 0.5)
    assert "unsure" in reason
    square = np.zeros_like(x.fov)
    square[:, 60:240, 60:240] = True
    assert "no disc" in photo.doubts(x.image, square, probs, 0.5)[0]
    whole = np.ones_like(x.fov)
    assert "no dark border" in photo.doubts(x.image, whole, probs, 0.5)[0]
    cut = x.fov.copy()
    cut[:, :40], cut[:, -40:] = False, False  # HRF's and STARE's discs are cut off
    assert photo.doubts(x.image, cut, probs, 0.5) == []
