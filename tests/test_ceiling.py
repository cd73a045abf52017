"""The ceiling that two observers set: on drawn eyes it is where it is known to be."""

import numpy as np
import pytest
from scipy import special

from helpers import metrics
from results.experiments import ceiling


def test_the_table_counts_who_marked_what():
    probs = np.array([[[0.0, 0.5, 0.5, 1.0]]])
    first = np.array([[[False, True, True, True]]])
    second = np.array([[[False, False, True, True]]])
    fov = np.array([[[True, True, True, False]]])
    counts = ceiling.table(probs, first, second, fov)
    half = np.digitize(0.5, ceiling.EDGES)
    assert counts.sum() == 3 and counts[0, 0, 0] == 1
    assert counts[half, 1, 0] == 1 and counts[half, 1, 1] == 1


def independent(number=200_000):
    """Return what two observers mark who share nothing beyond the probability."""
    rng = np.random.default_rng(0)
    probs = rng.beta(0.3, 1.5, number)
    return probs, *(rng.random((2, number)) < probs), np.ones(number, bool)


def test_where_nothing_is_shared_the_network_is_at_the_ceiling():
    probs, first, second, fov = independent()
    found = ceiling.best_possible(ceiling.table(probs, first, second, fov))
    table = metrics.histogram(probs, first, fov)
    known = metrics.all_scores(table, metrics.best_threshold([table]))
    assert found["shared"] < 0.01
    for key in ceiling.KEYS:
        assert found[key] == pytest.approx(known[key], abs=0.003)


def test_where_all_is_shared_the_ceiling_is_one():
    probs, first, _, fov = independent()
    found = ceiling.best_possible(ceiling.table(probs, first, first, fov))
    assert found["shared"] == pytest.approx(1, abs=0.01)
    for key in ceiling.KEYS:
        assert found[key] > 0.98


@pytest.mark.parametrize("shift", [-1.0, 0.0, 1.0])
def test_what_is_shared_does_not_depend_on_how_much_the_second_marks(shift):
    rng = np.random.default_rng(0)
    probs = special.expit(rng.normal(-1, 2, 400_000))
    chance = rng.beta(probs * 4, (1 - probs) * 4).clip(1e-9, 1 - 1e-9)
    first = rng.random(len(probs)) < chance
    second = rng.random(len(probs)) < special.expit(special.logit(chance) + shift)
    counts = ceiling.table(probs, first, second, np.ones(len(probs), bool))
    found = ceiling.best_possible(counts)["shared"]
    assert found == pytest.approx(1 / (4 + 1), abs=0.015)


@pytest.mark.parametrize("shape", ["beta", "normal"])
def test_the_ceiling_of_drawn_eyes_is_near_the_truth(shape, monkeypatch):
    monkeypatch.setattr(ceiling, "RESAMPLES", 40)
    truth = ceiling.best_scores(ceiling.drawn(1, shape, 200)[1])
    tables, _ = ceiling.drawn(0, shape)
    found = ceiling.ceiling(tables, [str(k) for k in range(len(tables))])
    assert 0.05 < found["shared"] < 0.12
    for key in ceiling.KEYS:
        low, high = found["ci95"][key]
        assert low < found[key] < high
        assert found[key] == pytest.approx(truth[key], abs=0.004)
