"""What is doubted about a photograph, and about many."""

import numpy as np

from helpers import doubts, phantom

X = phantom.draw(4, 292, 282)
PROBS = np.where(X.vessels, 0.9, 0.05).astype(np.float32) * X.fov


def said(image=X.image, fov=X.fov, probs=PROBS, **more):
    return doubts.photograph(image, fov, probs, 0.5, **more)


def test_a_retina_is_not_doubted():
    assert said() == []
    cut = X.fov.copy()
    cut[:, :40], cut[:, -40:] = False, False  # HRF's and STARE's discs are cut off
    assert said(fov=cut) == []


def test_doubts_name_what_is_unlike_a_retina():
    grey = np.repeat(X.image[1:2], 3, axis=0)
    assert "not the colours of a retina (blue 33%" in said(grey)[0]
    orange = X.image * np.reshape([0.8, 1.5, 0.8], (3, 1, 1))
    assert "(green 4" in said(orange)[0], "as a drawing has them"
    (reason,) = said(probs=PROBS * 0.01)
    assert "0.0% of it marked as vessels (usual: 5% to 22%)" in reason
    (reason,) = said(probs=PROBS * 0.6)
    assert "unsure" in reason
    (reason,) = said(X.image * 0.08)
    assert reason.startswith("very dark: the brightest parts have ")
    bright = X.image.copy()
    bright[1] = np.where(X.fov[0], 1.0, bright[1])
    assert any("over-exposed" in sentence for sentence in said(bright))


def test_doubts_name_what_is_unlike_one_disc():
    square, spot = np.zeros((2, *X.fov.shape), bool)
    square[:, 60:240, 60:240] = True
    spot[:, 100, 100] = True
    assert "no disc" in said(fov=square)[0]
    assert "no dark border" in said(fov=np.ones_like(X.fov))[0]
    assert said(fov=spot)[0] == "only 0.0% of the frame was taken for the eye"
    assert "2 bright parts, not one eye" in said(parts=2)[0]
    assert doubts.photograph(X.image, np.zeros_like(X.fov), PROBS, 0.5)


def test_notes_of_the_file_come_first():
    assert said(notes=["the file"], parts=2)[0] == "the file"


def test_a_batch_is_doubted_by_its_middle():
    assert not doubts.batch([0.12] * 12 + [0.3, 0.01])
    assert not doubts.batch([0.3] * 9)
    (sentence,) = doubts.batch([0.2] * 10)
    assert "20.0%, the network knows 8% to 14%" in sentence


def test_doubts_are_in_the_readers_language(monkeypatch):
    monkeypatch.setenv("FUNDUS_LANGUAGE", "zh")
    grey = np.repeat(X.image[1:2], 3, axis=0)
    assert said(grey, parts=2) == [
        "有 2 块亮区，不是单独一只眼睛；取了最大的一块",
        "颜色不像视网膜（蓝光占 33%）",
    ]
    assert "中位数是 20.0%" in doubts.batch([0.2] * 10)[0]
