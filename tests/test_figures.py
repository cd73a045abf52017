"""Pictures as arrays, figures as objects; nothing opens a window."""

import re

import IPython
import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from scipy import ndimage

from helpers import figures, phantom, places
from helpers.unet import PAPER_WIDTHS, UNet, trace


@pytest.fixture(autouse=True)
def untouched():
    """Close what was drawn, and hold that no setting of matplotlib was changed."""
    before = dict(mpl.rcParams)
    yield
    figures.plt.close("all")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("notebook", [None, object()], ids=["script", "notebook"])
def test_a_figure_is_shown_with_its_words_and_closed(monkeypatch, notebook):
    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: notebook)
    monkeypatch.setattr(figures.plt, "show", lambda: shown.append((None, "window")))
    display = lambda *what, metadata: shown.append((*what, metadata))  # noqa: E731
    monkeypatch.setattr(IPython.display, "display", display)
    fig = figures.plt.figure()
    with pytest.raises(ValueError, match="needs an alternative text"):
        figures.show(" ")
    assert not shown and figures.plt.get_fignums()
    figures.show("A line.")
    alt = {"image/png": {"alt": "A line."}}
    assert shown == [(fig, alt) if notebook else (None, "window")]
    assert not figures.plt.get_fignums()


def test_error_map_colours():
    pred = np.array([[[True, True, False, False, True]]])
    vessels = np.array([[[True, False, True, False, True]]])
    fov = np.array([[[True, True, True, True, False]]])
    tp, fp, fn, tn, outside = figures.error_map(pred, vessels, fov)[0]
    assert tp.tolist() == [1, 1, 1] and tn.tolist() == [0, 0, 0]
    assert np.allclose(fp, figures.rgb(figures.ORANGE))
    assert np.allclose(fn, figures.rgb(figures.BLUE))
    assert outside.tolist() == [0.25, 0.25, 0.25]
    grey = sorted(np.dot(x, [0.299, 0.587, 0.114]) for x in (tp, fp, fn, tn, outside))
    assert np.diff(grey).min() > 0.08, "printed in grey, the five differ"


@pytest.mark.filterwarnings("error")
def test_a_tensor_is_drawn_without_a_warning():
    picture = torch.linspace(0, 1, 12).reshape(3, 4)
    (ax,) = figures.show_images([picture], ["a tensor"]).axes
    assert np.array_equal(ax.images[0].get_array(), picture.numpy())


def test_overlay_paints_vessels_only():
    image = np.full((3, 4, 5), 0.5, np.float32)
    vessels = np.zeros((1, 4, 5), bool)
    vessels[0, 1, 2] = True
    picture = figures.overlay(image, vessels, opacity=1.0)
    assert picture.shape == (4, 5, 3)
    assert np.allclose(picture[1, 2], figures.rgb(figures.SKY))
    assert np.allclose(picture[0, 0], 0.5)
    assert (image == 0.5).all()


def test_to_picture():
    assert figures.to_picture(np.zeros((3, 4, 5))).shape == (4, 5, 3)
    assert figures.to_picture(np.zeros((1, 4, 5))).shape == (4, 5)


def test_show_images():
    fig = figures.show_images([np.zeros((4, 4))] * 5, list("abcde"), columns=3)
    assert isinstance(fig, Figure)
    assert [ax.get_title() for ax in fig.axes] == ["a", "b", "c", "d", "e", ""]
    assert fig.axes[0].images[0].get_clim() == (0, 1)


def test_plot_curves():
    line = np.linspace(0, 1, 5)
    curves = [("net", line, line, "k"), ("other", line, line, "b")]
    (ax,) = figures.plot_curves(curves, [("doctor", 0.1, 0.8, "r")], "x", "y").axes
    assert ax.lines[0].get_ydata().tolist() == line.tolist()
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()
    assert [text.get_text() for text in ax.get_legend().texts] == [
        "net",
        "other",
        "doctor",
    ]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_the_u_is_drawn_from_the_trace():
    with torch.device("meta"):
        net = UNet(1, 2, PAPER_WIDTHS, padding="valid", batch_norm=False)
    steps = trace(net, 572, 572)
    fig = figures.draw_unet(steps)
    (ax,) = fig.axes
    written = [text.get_text() for text in ax.texts if text.get_text()]
    drawn = [s for s in steps if s.arrow != "up-conv 2x2"]
    numbers = [n for s in drawn for n in (str(s.channels), str(s.height))]
    assert written == numbers + list(figures.UNET_ARROWS)
    assert fig.get_size_inches()[0] * fig.dpi == pytest.approx(700)
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == len(steps) - 1 + len(figures.UNET_ARROWS)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readmes_say_in_words_what_the_u_shows(page):
    with torch.device("meta"):
        net = UNet(1, 2, PAPER_WIDTHS, padding="valid", batch_norm=False)
    drawn = [s for s in trace(net, 572, 572) if s.arrow != "up-conv 2x2"]
    words = re.findall(r"(\d+) @ (\d+)", (places.ROOT / page).read_text("utf-8"))
    assert words == [(str(s.channels), str(s.height)) for s in drawn]


@pytest.mark.parametrize(
    ("settings", "size"),
    [({}, (584, 568)), ({"widths": PAPER_WIDTHS, "padding": "valid"}, (572, 572))],
)
def test_the_numbers_of_the_u_do_not_overlap(settings, size):
    """No two numbers touch at 700 pixels, nor does any leave the picture."""
    with torch.device("meta"):
        net = UNet(**settings)
    fig = figures.draw_unet(trace(net, *size))
    fig.canvas.draw()
    boxes = [t.get_window_extent() for t in fig.axes[0].texts if t.get_text()]
    for k, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= 700 and box.y0 >= 0 and box.y1 <= 540
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])


def test_a_small_u_has_no_writing():
    fig, ax = figures.plt.subplots()
    with torch.device("meta"):
        steps = trace(UNet(), 64, 64)
    assert figures.draw_unet(steps, text=False, ax=ax) is fig
    assert not any(text.get_text() for text in ax.texts)


def test_outlines_lie_beside_the_vessels_and_leave_them_in_sight():
    x = phantom.draw(1, 120, 110)
    picture = figures.outlined(x.image, x.vessels, x.fov)
    photograph = figures.to_picture(x.image)
    assert np.array_equal(picture[x.vessels[0]], photograph[x.vessels[0]])
    drawn = (picture != photograph).any(-1)
    beside = ndimage.binary_dilation(x.vessels[0]) & ~x.vessels[0]
    assert drawn[beside].all() and drawn.mean() < 0.5
    assert np.allclose(picture[beside], figures.rgb(figures.SKY))


def test_a_thumbnail_is_small_and_keeps_thin_vessels():
    image = np.full((3, 300, 900), 0.5, np.float32)
    vessels = np.zeros((1, 300, 900), bool)
    vessels[0, 151] = True  # on no pixel of every third
    picture = figures.thumbnail(image, vessels, np.ones_like(vessels), 150)
    assert picture.dtype == np.uint8 and picture.shape == (50, 150, 3)
    row = picture[20:31].astype(int)
    assert (abs(row - 127).max(2) > 30).any(0).all(), "the line goes through"


def costs():
    """Return made-up rows, limits and differences, as results/cost.json has them."""
    gflop = {"recipe": 28, "width 8": 7, "width 32": 110, "width 64": 440}
    gflop |= {"levels 2": 11, "levels 3": 19, "levels 5": 36}
    gflop |= {"patch 64": 7, "patch 256": 111, "two of 256": 28}
    rows = [
        {
            "name": name,
            "step_flop": x * 1e9,
            "cpu": {
                p: {"core_seconds": x / k} for p, k in (("bf16", 160), ("fp32", 80))
            },
        }
        for name, x in gflop.items()
    ]
    times = {p: {"core_seconds": 2.5} for p in ("bf16", "fp32")}
    texts, ends = ("twice as wide", "five levels"), ((0.001, 0.003), (-0.003, 0.001))
    dice = [
        {"text": text, "dice": [sum(x) / 2, *x], "times": times}
        for text, x in zip(texts, ends, strict=True)
    ]
    return rows, {"bf16": 700.0, "fp32": 140.0}, dice


def test_costs_are_drawn_for_each_precision_and_beside_the_dice():
    rows, limits, dice = costs()
    fig = figures.cost(rows, limits, dice)
    bf16, fp32, below = fig.axes
    assert (bf16.get_title(), fp32.get_title()) == ("a step in bf16", "a step in fp32")
    width = next(x for x in fp32.lines if x.get_label() == "width")
    assert width.get_xdata().tolist() == [7, 28, 110, 440]
    assert width.get_ydata() == pytest.approx([7 / 80, 28 / 80, 110 / 80, 440 / 80])
    named = {text.get_text() for text in bf16.texts if "/s" not in text.get_text()}
    assert named == {"8", "32", "64", "2", "3", "5", "64 px", "256 px"}
    limit = next(x for x in fp32.lines if x.get_linestyle() == "--")
    assert limit.get_xdata() / limit.get_ydata() == pytest.approx(140)
    assert below.get_yticklabels()[0].get_text() == "twice as wide\n2.5 × time (bf16)"
    points = [x for x in below.lines if x.get_marker() == "o"]
    assert [x.get_xdata() for x in points] == pytest.approx([0.002, -0.001])
    assert [x.get_color() for x in points] == [figures.BLACK, figures.GREY]


def test_costs_fit_a_phone():
    """At 360 pixels no writing leaves the picture."""
    fig = figures.cost(*costs())
    fig.canvas.draw()
    width, height = fig.get_size_inches() * fig.dpi
    assert width == pytest.approx(360)
    words = [text for ax in fig.axes for text in (*ax.texts, ax.title)]
    for text in (*words, *fig.axes[-1].get_yticklabels()):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= width and 0 <= box.y0 and box.y1 <= height
