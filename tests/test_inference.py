"""Whole-image prediction, test-time augmentation, working scale, weights, scoring."""

import dataclasses
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from helpers import fundus, inference, phantom
from helpers.augment import d4
from helpers.inference import Segmenter
from helpers.preprocess import Standardisation
from helpers.unet import UNet, he_init


class Pointwise(nn.Conv2d):
    """A network that looks at one pixel at a time, so the right answer is known."""

    divisor, border, sizes = 8, 0, range(8, 10**6, 8)

    def __init__(self):
        super().__init__(1, 1, 1)
        nn.init.constant_(self.weight, 2.0)
        nn.init.constant_(self.bias, -1.0)


def small_segmenter(**changes):
    torch.manual_seed(0)
    parts = {
        "model": UNet(4, 1, (4, 8)).eval(),
        "standardisation": Standardisation(0.5, 0.1),
        "threshold": 0.25,
        "fov_diameter": fundus.fov_diameter(phantom.draw(0, 68, 66).fov),
        "sizes": {"in_channels": 4, "widths": [4, 8]},
    }
    return Segmenter(**(parts | changes))


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (31, 40)])
def test_any_size_goes_through_and_nothing_is_shifted(size):
    inputs = np.random.default_rng(0).standard_normal((1, *size)).astype(np.float32)
    probs = inference.predict_probs(Pointwise(), inputs)
    assert np.allclose(probs, 1 / (1 + np.exp(1 - 2 * inputs)), atol=1e-6)


def he_net(padding, batch_norm=False):
    """Return a narrow network whose logits are far from constant."""
    torch.manual_seed(0)
    net = he_init(UNet(1, 2, (2, 3, 4, 5, 6), padding=padding, batch_norm=batch_norm))
    if batch_norm:
        net.train()(torch.randn(4, 1, 64, 64))  # statistics that are not the default
    return net.eval()


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (97, 130), (201, 92), (388, 400)])
@pytest.mark.parametrize("kind", [("valid", False), ("same", False), ("same", True)])
def test_tiles_give_what_one_pass_gives(kind, size):
    """Any size: odd, smaller than a tile, smaller than the border to mirror."""
    net, image = he_net(*kind), torch.randn(2, 1, *size)
    whole = inference.predict_logits(net, image, "fp32")
    assert whole.shape == (2, 2, *size)
    for tile in (16, 96, 384) if size[0] * size[1] < 50_000 else (96, 384):
        tiled = inference.predict_logits(net, image, "fp32", tile)
        assert (tiled - whole).abs().max() <= 1e-5 * whole.abs().max().clamp(min=1)


@pytest.mark.parametrize("size", [(388, 388), (100, 388), (60, 75)])
def test_valid_prediction_is_that_of_the_mirrored_image(size):
    """Mirrored by NumPy to a size that fits, put through the network, compared."""
    net, image = he_net("valid"), torch.randn(1, 1, *size)
    fill = [next(s for s in net.sizes if s >= side + 184) - side - 92 for side in size]
    edges = ((0, 0), (0, 0), (92, fill[0]), (92, fill[1]))
    mirrored = torch.from_numpy(np.pad(image.numpy(), edges, mode="reflect"))
    with torch.no_grad():
        expected = net(mirrored)[..., : size[0], : size[1]]
    predicted = inference.predict_logits(net, image, "fp32")
    assert torch.allclose(predicted, expected, atol=1e-5)


def test_tiles_388_apart_would_differ():
    """Off the lattice the poolings meet other pairs; with He weights that shows."""
    net, mirrored = he_net("valid"), torch.randn(1, 1, 188 + 400, 188)
    with torch.no_grad():
        whole = net(mirrored)[0, 0, :, 0]
        for start, same in ((384, True), (388, False)):
            tile = net(mirrored[..., start : start + 188, :])[0, 0, :, 0]
            difference = (tile - whole[start : start + 4]).abs().max()
            assert (difference < 1e-5) == same
    assert difference > 0.05


def test_a_tile_bounds_what_the_network_sees():
    net, seen = he_net("valid"), []
    net.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0].shape[-2:]))
    inference.predict_logits(net, torch.randn(1, 1, 500, 90), "fp32", tile=96)
    assert set(seen) == {(284, 284), (204, 284)}  # the last ones need fewer rows
    assert len(seen) == 6


@pytest.mark.parametrize("tta", ["none", "flips", "d4"])
def test_tta_turns_every_copy_back(tta):
    inputs = np.random.default_rng(0).standard_normal((1, 13, 22)).astype(np.float32)
    assert np.allclose(
        inference.predict_probs(Pointwise(), inputs, tta),
        inference.predict_probs(Pointwise(), inputs),
        atol=1e-6,
    )


def test_tta_is_the_mean_and_makes_the_network_symmetric():
    torch.manual_seed(0)
    net = UNet(1, 1, (4, 8)).eval()
    inputs = torch.randn(1, 16, 16)
    a = inference.predict_probs(net, inputs.numpy(), "d4")
    turned = d4(inputs, 3).numpy().copy()
    b = inference.predict_probs(net, turned, "d4")
    assert np.allclose(d4(torch.from_numpy(a), 3).numpy(), b, atol=1e-5)
    with pytest.raises(ValueError, match="choose one of none, flips, d4"):
        inference.predict_probs(net, inputs.numpy(), "all")


def test_flips_are_four_mirrored_copies_and_their_mean():
    torch.manual_seed(0)
    net = UNet(1, 1, (4, 8)).eval()
    inputs = np.random.default_rng(0).standard_normal((1, 16, 16)).astype(np.float32)
    copies = [
        np.flip(inference.predict_probs(net, np.flip(inputs, axes).copy()), axes)
        for axes in ((), 1, 2, (1, 2))
    ]
    assert np.ptp(copies, axis=0).max() > 1e-3  # the network alone is not symmetric
    probs = inference.predict_probs(net, inputs, "flips")
    assert np.allclose(probs, np.mean(copies, axis=0), atol=1e-6)


def test_prediction_uses_running_statistics_and_restores_the_mode():
    net = UNet(1, 1, (4, 8)).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    inference.predict_logits(net, torch.randn(1, 1, 16, 16), "fp32")
    assert net.training
    with pytest.raises(ValueError, match="multiple of 2"):
        inference.predict_logits(net, torch.randn(1, 1, 16, 16), "fp32", tile=3)
    with pytest.raises(RuntimeError):
        inference.predict_logits(net, torch.randn(1, 5, 16, 16), "fp32")
    assert net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_probabilities_have_the_photographs_size_and_are_zero_outside():
    segmenter, x = small_segmenter(), phantom.draw(1, 150, 140)
    probs = segmenter.probs(x.image, x.fov)
    assert probs.shape == (1, 150, 140) and probs.dtype == np.float32
    assert (probs[~x.fov] == 0).all()
    assert 0 <= probs.min() and probs.max() <= 1
    assert segmenter.probs(x.image).shape == (1, 150, 140)  # its own field of view


def test_working_scale_matches_the_diameter():
    segmenter, seen = small_segmenter(), []
    segmenter.model.register_forward_hook(lambda _m, i, _o: seen.append(i[0].shape))
    x = phantom.draw(1, 136, 132)  # twice the size that the network knows
    assert segmenter.scale(x.fov) == pytest.approx(0.5, abs=0.03)
    segmenter.probs(x.image, x.fov)
    assert seen[0][-2] == pytest.approx(68, abs=2)
    edges = slice(30, -30)  # without its border, the disc seems smaller than it is
    part, part_fov = x.image[:, edges, edges], x.fov[:, edges, edges]
    width = fundus.fov_diameter(x.fov)
    assert segmenter.scale(part_fov) > 0.7
    assert segmenter.scale(part_fov, width) == segmenter.scale(x.fov)
    segmenter.probs(part, part_fov, diameter=width)
    assert seen[1][-2] == pytest.approx(38, abs=2)
    near = phantom.draw(1, 70, 68)  # within 5 %: pixels are left alone
    assert segmenter.scale(near.fov) == 1


def test_three_sizes_of_a_photograph_are_averaged():
    segmenter, seen = small_segmenter(), []
    he_init(segmenter.model)
    segmenter.model.register_forward_hook(lambda _m, i, _o: seen.append(i[0].shape[-2]))
    x = phantom.draw(1, 136, 132)
    probs = segmenter.probs(x.image, x.fov, "scales")
    assert np.allclose(np.array(seen) / seen[1], inference.SCALES, atol=0.1)
    known, each = segmenter.fov_diameter, []
    for scale in inference.SCALES:
        segmenter.fov_diameter = known * scale
        each.append(segmenter.probs(x.image, x.fov))
    assert np.abs(probs - np.mean(each, 0)).max() < 1e-5
    segmenter.fov_diameter = known
    assert (
        len(seen) == 6 and segmenter.probs(x.image, x.fov, "all").shape == x.fov.shape
    )
    assert len(seen) == 6 + 3 * len(inference.TTA["flips"])
    with pytest.raises(ValueError, match="tta is 'sizes'; choose one of none, flips"):
        segmenter.probs(x.image, x.fov, "sizes")


def test_a_photograph_of_another_camera_gets_another_threshold():
    origin = {"dataset": "DRIVE"}
    one = small_segmenter(origin=origin)
    assert {one.threshold_for(x) for x in ("DRIVE", "HRF", None)} == {0.25}
    two = small_segmenter(origin=origin, threshold_elsewhere=0.5)
    assert two.threshold_for("DRIVE") == 0.25
    assert two.threshold_for("HRF") == two.threshold_for() == 0.5
    assert inference.mean_threshold([one, two]) == 0.375
    assert small_segmenter(threshold_elsewhere=0.5).threshold_for() == 0.5


def test_tiles_change_no_probability():
    segmenter, x = small_segmenter(), phantom.draw(1, 150, 140)
    he_init(segmenter.model)  # logits far from constant
    whole = segmenter.probs(x.image, x.fov, tile=None)
    assert whole.std() > 0.1
    for tile in (16, 32, inference.TILE):
        assert np.abs(segmenter.probs(x.image, x.fov, tile=tile) - whole).max() < 1e-5


def test_a_wide_black_frame_costs_nothing_and_changes_little():
    segmenter, seen = small_segmenter(), []
    he_init(segmenter.model)
    segmenter.model.register_forward_hook(lambda _m, i, _o: seen.append(i[0].shape))
    x = phantom.draw(1, 136, 132)
    edges = ((0, 0), (200, 300), (400, 100))
    framed, fov = np.pad(x.image, edges), np.pad(x.fov, edges)
    probs = segmenter.probs(framed, fov)
    assert probs.shape == fov.shape and (probs[~fov] == 0).all()
    assert max(seen[0][-2:]) < 90, "the frame was left out"
    inside = probs[:, 200:-300, 400:-100]
    alone = segmenter.probs(x.image, x.fov)
    assert np.abs(inside - alone).mean() < 0.05


def test_shipped_weights_are_checked():
    shipped = Segmenter.load(device=torch.device("cpu"))
    assert shipped.sizes["widths"] == [16, 32, 64, 128]
    assert 0 < shipped.threshold < 1
    assert inference.SHIPPED.stat().st_size < 3e6


def test_a_damaged_shipped_file_is_refused(monkeypatch, tmp_path):
    copy = tmp_path / "drive.pt"
    small_segmenter().save(copy)
    copy.with_suffix(".sha256").write_text("0" * 64 + "  drive.pt\n")
    monkeypatch.setattr(inference, "SHIPPED", copy)
    with pytest.raises(ValueError, match="is damaged"):
        Segmenter.load()


def test_files_that_are_no_weights_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="helpers train"):
        Segmenter.load(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ValueError, match="cannot be read as weights"):
        Segmenter.load(tmp_path / "text.pt")
    torch.save({"model": {}}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="holds no weights of this course"):
        Segmenter.load(tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="holds a list"):
        Segmenter.load(tmp_path / "list.pt")


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("code ran",)

    torch.save({"model": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="cannot be read as weights"):
        Segmenter.load(tmp_path / "evil.pt")


def saved(path, **changes):
    """Write weights in which something is other than training would have it."""
    small_segmenter().save(path)
    content = torch.load(path, weights_only=True)
    for key, value in changes.items():
        outer, _, inner = key.partition("__")
        (content[outer] if inner else content)[inner or outer] = value
    torch.save(content, path)
    return path


ENORMOUS = [16384, 32768, 65536, 131072]
HEAD = "head.weight"  # (1, 4, 1, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings__widths": []}, r"no U-Net takes 4 channels to \[\]"),
        ({"settings__widths": [4] * 11}, "no U-Net"),
        ({"settings__widths": [4, 8.0]}, "no U-Net"),
        ({"settings__widths": 8}, "TypeError"),
        ({"settings__widths": ENORMOUS}, r"shape \(4, 4, 3, 3\), not \(16384"),
        ({"settings__widths": [4, 10**15]}, "RuntimeError|shape"),
        ({"settings__in_channels": -1}, "no U-Net takes -1 channels"),
        ({"settings": "x"}, "TypeError"),
        ({"threshold": "x"}, "threshold is 'x', not between 0 and 1"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"threshold": [0.5] * 10**5}, "threshold is .{30,50}, not between"),
        ({"threshold_elsewhere": 2.0}, "threshold_elsewhere is 2.0, not between 0"),
        ({"fov_diameter": 1e9}, "fov_diameter is 1000000000.0, not between 16"),
        ({"fov_diameter": 0}, "fov_diameter is 0, not between"),
        ({"standardisation__std": 0.0}, "std is 0.0, not between"),
        ({"standardisation__mean": float("inf")}, "mean is inf"),
        ({"standardisation": {}}, "KeyError: 'mean'"),
        ({"origin": 3}, "TypeError"),
        ({"model": {}}, "KeyError: 'encoder"),
        ({"model": [1]}, "TypeError"),
        ({f"model__{HEAD}": "x"}, "AttributeError"),
        ({f"model__{HEAD}": torch.zeros(4)}, r"head.weight has the shape \(4,\)"),
        ({f"model__{HEAD}": torch.full((1, 4, 1, 1), torch.nan)}, "holds NaN"),
        ({f"model__{HEAD}": torch.zeros(1).expand(1, 4, 1, 1)}, "is stretched"),
        ({"model__more": torch.zeros(1)}, "RuntimeError: .*UNet"),
    ],
    ids=str,
)
def test_weights_that_make_no_sense_are_refused_with_the_reason(
    tmp_path, changes, words
):
    path = saved(tmp_path / "weights.pt", **changes)
    with pytest.raises(ValueError, match=f"weights.pt holds no weights.*{words}"):
        Segmenter.load(path)


def test_nothing_is_built_of_weights_that_would_fill_the_memory(monkeypatch, tmp_path):
    """Not for their settings, nor where one number stands for all of a layer."""
    widths, made = [2**15, 2**15], []
    with torch.device("meta"):
        draft = UNet(4, 1, widths).state_dict()
    weights = {name: torch.zeros(()).expand(x.shape) for name, x in draft.items()}
    changes = {"settings__widths": widths, "model": weights}
    path = saved(tmp_path / "weights.pt", **changes)
    assert path.stat().st_size < 1e5
    monkeypatch.setattr(
        UNet, "load_state_dict", lambda *_: made.append("a network of 100 GB")
    )
    with pytest.raises(ValueError, match="is stretched: not all of it is in the file"):
        Segmenter.load(path)
    assert not made


def test_weights_that_unpack_to_more_than_they_have_are_not_unpacked(tmp_path):
    path = saved(tmp_path / "weights.pt", model={"x": torch.zeros(10**6)})
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match=r"cannot be read as weights \(BadZipFile\)"):
        Segmenter.load(packed)


def test_good_weights_come_back_as_they_were(tmp_path):
    known = {"origin": {"dataset": "PHANTOM"}, "threshold_elsewhere": 0.75}
    before = small_segmenter(threshold=0.0, **known)
    before.save(tmp_path / "weights.pt")
    after = Segmenter.load(tmp_path / "weights.pt", torch.device("cpu"))
    for name in vars(before).keys() - {"model"}:
        assert getattr(after, name) == getattr(before, name)
    ours, theirs = after.model.state_dict(), before.model.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_an_answer_that_is_no_number_is_an_error_and_not_a_black_map():
    segmenter, x = small_segmenter(), phantom.draw(0, 68, 66)
    nn.init.constant_(segmenter.model.head.bias, torch.nan)
    with pytest.raises(ValueError, match="no numbers .NaN.: its weights are broken"):
        segmenter.probs(x.image, x.fov)


def test_weights_for_other_channels_are_told_from_the_usual():
    x, sizes = phantom.draw(0, 68, 66), {"in_channels": 1, "widths": [4, 8]}
    segmenter = small_segmenter(model=UNet(1, 1, (4, 8)).eval(), sizes=sizes)
    with pytest.raises(
        ValueError, match="take 1 channels, a prepared photograph has 4"
    ):
        segmenter.probs(x.image, x.fov)


@pytest.mark.parametrize("diameter", [1e-3, 1e6, 1e12, np.inf, np.nan, -70.0])
def test_an_absurd_diameter_is_a_sentence_and_fills_no_memory(diameter):
    segmenter, x = small_segmenter(), phantom.draw(0, 68, 66)
    with pytest.raises(ValueError, match="makes no sense; give the width in pixels"):
        segmenter.probs(x.image, x.fov, diameter=diameter)


@pytest.mark.parametrize("diameter", [None, 60.0])
def test_an_empty_field_of_view_is_a_sentence(diameter):
    segmenter, x = small_segmenter(), phantom.draw(0, 68, 66)
    with pytest.raises(ValueError, match="the field of view is empty"):
        segmenter.probs(x.image, np.zeros_like(x.fov), diameter=diameter)


def test_labelled_photographs_come_to_the_size_that_is_known():
    x = phantom.draw(0, 192, 186)
    diameter = fundus.fov_diameter(x.fov)
    assert inference.to_diameter(x, 1.04 * diameter) is x
    half, expected = inference.to_diameter(x, diameter / 2), fundus.halve(x)
    assert half.name == x.name and half.image.shape == expected.image.shape
    assert fundus.fov_diameter(half.fov) == pytest.approx(diameter / 2, abs=1)
    for label in ("vessels", "fov", "second"):
        a, b = getattr(half, label), getattr(expected, label)
        assert a.dtype == bool and (a == b).all()
    alone = inference.to_diameter(dataclasses.replace(x, second=None), diameter / 2)
    assert alone.second is None
