"""Numbers from a vessel map, on lines whose lengths and branches are known."""

import numpy as np
import pytest

from helpers import measures, phantom


def drawn(*lines):
    """Return (1, 101, 101) with lines one pixel wide between (row, column) pairs."""
    picture = np.zeros((1, 101, 101), bool)
    for (r0, c0), (r1, c1) in lines:
        steps = max(abs(r1 - r0), abs(c1 - c0)) + 1
        rows, columns = np.linspace((r0, c0), (r1, c1), steps).round().astype(int).T
        picture[0, rows, columns] = True
    return picture


FOV = np.ones((1, 101, 101), bool)
KNOWN = {  # lines: length, branches, ends
    "row": ([((50, 10), (50, 90))], 80, 0, 2),
    "diagonal": ([((10, 10), (90, 90))], 80 * 2**0.5, 0, 2),
    "cross": ([((50, 10), (50, 90)), ((10, 50), (90, 50))], 160, 1, 4),
    "fork": ([((50, 10), (50, 50)), ((50, 50), (10, 90)), ((50, 50), (90, 90))],
             40 + 80 * 2**0.5, 1, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_lines_are_measured(name):
    lines, length, branches, ends = KNOWN[name]
    found = measures.vessel_measures(drawn(*lines), FOV)
    assert found["skeleton_length"] == pytest.approx(length, abs=2)
    assert (found["branch_points"], found["end_points"]) == (branches, ends)
    assert found["skeleton_per_diameter"] == pytest.approx(length / 101, abs=0.02)


def test_an_empty_map_and_what_lies_outside_the_field_of_view():
    empty = measures.vessel_measures(np.zeros_like(FOV), FOV)
    assert not any(empty.values())
    half = FOV.copy()
    half[:, :, 50:] = False
    found = measures.vessel_measures(drawn(((50, 10), (50, 90))), half)
    assert found["skeleton_length"] == 39 and found["vessel_share"] == 40 / half.sum()


def test_specks_have_no_ends():
    fov = np.ones((1, 540, 540), bool)
    pred = np.zeros_like(fov)
    pred[0, 100, 50:450] = True
    alone = measures.vessel_measures(pred, fov)
    pred[0, 200:204, 200:205] = True  # 20 pixels
    assert alone["end_points"] == 2
    again = measures.vessel_measures(pred, fov)
    assert {key for key in alone if again[key] != alone[key]} == {"vessel_share"}


def test_turned_and_mirrored_eyes_measure_nearly_alike():
    x = phantom.draw(1, 292, 282)
    found = [
        measures.vessel_measures(
            np.rot90(x.vessels, k, (1, 2)), np.rot90(x.fov, k, (1, 2))
        )
        for k in range(4)
    ]
    lengths = [f["skeleton_length"] for f in found]
    assert max(lengths) < 1.02 * min(lengths)
