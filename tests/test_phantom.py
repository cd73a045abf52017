import json

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.stats import rankdata
from skimage.filters import sato

from helpers import datasets, fundus, phantom

SMALL = (146, 141)


def auc(score, vessels):
    """Area under the ROC curve from ranks; ties count half."""
    positive = int(vessels.sum())
    ranks = rankdata(score)[vessels].sum() - positive * (positive + 1) / 2
    return ranks / positive / (vessels.size - positive)


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


@pytest.fixture(scope="module")
def full_size():
    return [phantom.draw(seed) for seed in (21, 36)]


@pytest.fixture(scope="module")
def small():
    ids = datasets.ids("PHANTOM", "all")
    return [phantom.draw(int(image_id), *SMALL) for image_id in ids]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return phantom.write(tmp_path_factory.mktemp("data") / "PHANTOM", *SMALL)


def test_same_seed_same_eye():
    first, again = phantom.draw(5, *SMALL), phantom.draw(5, *SMALL)
    for part in ("image", "vessels", "fov", "second"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))


def test_another_seed_another_eye(small):
    assert all(dice(small[0].vessels, eye.vessels) < 0.6 for eye in small[1:])
    assert all((small[0].image != eye.image).mean() > 0.5 for eye in small[1:])


def test_every_size_shows_the_same_eye(full_size):
    large = full_size[0]
    half = phantom.draw(21, 292, 282)
    rows, columns = (np.arange(n) * 2 + 1 for n in (292, 282))
    inside = large.vessels[0][np.ix_(rows, columns)]
    shared = (half.vessels[0] & inside).sum() / half.vessels.sum()
    assert shared > 0.7


@pytest.mark.parametrize("size", [(64, 64), (96, 93), (120, 200)])
def test_shapes_and_types(size):
    eye = phantom.draw(1, *size)
    assert eye.image.shape == (3, *size) and eye.image.dtype == np.float32
    assert eye.image.min() >= 0 and eye.image.max() <= 1
    for label in (eye.vessels, eye.fov, eye.second):
        assert label.shape == (1, *size) and label.dtype == bool
    assert not (eye.vessels & ~eye.fov).any() and not (eye.second & ~eye.fov).any()


def test_too_small_a_frame_is_refused():
    with pytest.raises(ValueError, match="at least 64"):
        phantom.draw(1, 63, 200)


def test_shares_of_the_small_set(small):
    for eye in small:
        assert 0.65 < eye.fov.mean() < 0.75, eye.name
        assert 0.10 < eye.vessels[eye.fov].mean() < 0.15, eye.name


def test_full_size_behaves_like_drive(full_size):
    for eye in full_size:
        assert eye.image.shape == (3, 584, 565)
        inside, green = eye.fov[0], eye.image[1]
        vessels = eye.vessels[eye.fov]
        ridge = sato(green, sigmas=(1, 2, 3), black_ridges=True)
        assert 0.65 < inside.mean() < 0.75
        assert 0.10 < vessels.mean() < 0.15
        assert 0.57 < auc(-green[inside], vessels) < 0.75
        assert 0.88 < auc(ridge[inside], vessels) < 0.96


def test_veins_are_darker_than_arteries(full_size):
    _, branches = phantom.grow_trees(np.random.default_rng([21, 0]))
    depth = {
        kind: phantom.darkening(branches, kind, 292, 282).max()
        for kind in ("vein", "artery")
    }
    assert depth["artery"] < 0.9 * depth["vein"]
    red, green, blue = (channel[full_size[0].fov[0]].mean() for channel in
                        full_size[0].image)  # fmt: skip
    assert red > green > blue


def test_second_observer_agrees_about_as_well_as_drives(full_size):
    for eye in full_size:
        assert 0.75 < dice(eye.vessels, eye.second) < 0.85


def test_second_observer_misses_thin_vessels(full_size):
    _, branches = phantom.grow_trees(np.random.default_rng([21, 0]))
    ranks = phantom.rank_map(branches, 584, 565)[2::4, 2::4]
    eye = full_size[0]
    drawn = ranks[eye.vessels[0]].max()
    found = [
        eye.second[0][(ranks >= low * drawn) & (ranks < high * drawn) & (ranks > 0)]
        for low, high in ((0.0, 0.4), (0.8, 1.0))
    ]
    assert found[0].mean() > found[1].mean() + 0.2


@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.79])
def test_murrays_law(ratio):
    wide, thin, to_wide, to_thin = phantom.split(3.0, ratio)
    assert wide**3 + thin**3 == pytest.approx(27)
    assert thin == pytest.approx(3 * ratio)
    assert 0 <= to_wide <= to_thin <= np.pi / 2
    # The cross-sections pull sideways with equal force (least work).
    assert wide**2 * np.sin(to_wide) == pytest.approx(thin**2 * np.sin(to_thin))


def test_branchings_of_a_tree_obey_murrays_law():
    _, branches = phantom.grow_trees(np.random.default_rng([3, 0]))
    nodes = {
        (branch.kind, point): (branch.radius[n], branch.radius[n + 1])
        for branch in branches
        for n, point in enumerate(branch.points[:-1])
        if n  # its origin belongs to its parent
    }
    met = 0
    for child in branches:
        parent = nodes.get((child.kind, child.points[0]))
        if parent and parent[0] > child.radius[0]:
            met += 1
            before, after = parent
            assert before**3 == pytest.approx(after**3 + child.radius[0] ** 3)
    assert met > 50
    assert all((np.diff(branch.radius) < 0).all() for branch in branches)


def test_written_set_reads_back_equal(folder, small):
    read = fundus.load("PHANTOM", "all", folder.parent)
    with_second = datasets.ids("PHANTOM", "test")
    assert len(read) == len(small) == 24
    for drawn, loaded in zip(small, read, strict=True):
        assert loaded.name == drawn.name
        np.testing.assert_array_equal(loaded.image, drawn.image)
        np.testing.assert_array_equal(loaded.vessels, drawn.vessels)
        np.testing.assert_array_equal(loaded.fov, drawn.fov)
        if drawn.name in with_second:
            np.testing.assert_array_equal(loaded.second, drawn.second)
        else:
            assert loaded.second is None


def test_names_and_encodings_are_drives(folder):
    def values(file):
        picture = Image.open(folder / file)
        grey = np.unique(np.asarray(picture.convert("L"))).tolist()
        return picture.mode, np.unique(np.asarray(picture)).tolist(), grey

    photo = Image.open(folder / "training/images/21_training.tif")
    assert photo.mode == "RGB" and photo.info["compression"] == "tiff_lzw"
    assert Image.open(folder / "test/images/01_test.tif").size == SMALL[::-1]
    grey = ("L", [0, 255], [0, 255])
    for file in (
        "training/1st_manual/21_manual1.gif",
        "training/mask/36_training_mask.gif",
        "test/1st_manual/08_manual1.gif",
        "test/mask/01_test_mask.gif",
    ):
        assert values(file) == grey, file
    one_bit = values("training/1st_manual/22_manual1.gif")
    assert one_bit == ("P", [0, 1], [0, 255])
    assert values("test/2nd_manual/01_manual2.gif") == ("P", [0, 1], [3, 253])
    assert not (folder / "training/2nd_manual").exists()


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_second_call_writes_nothing(folder, monkeypatch):
    before = files(folder)
    monkeypatch.setattr(phantom, "draw", None)  # would fail
    assert phantom.write(folder, *SMALL) == folder
    assert files(folder) == before


def test_another_size_replaces_the_set(tmp_path):
    phantom.write(tmp_path / "PHANTOM", 64, 64)
    phantom.write(tmp_path / "PHANTOM", 64, 70)
    assert fundus.load_one("PHANTOM", "01", tmp_path).image.shape == (3, 64, 70)
    assert [path.name for path in tmp_path.iterdir()] == ["PHANTOM"]


def test_a_broken_run_leaves_nothing_behind(tmp_path, monkeypatch):
    draw, drawn = phantom.draw, []

    def stop_after_three(*args):
        drawn.append(args)
        if len(drawn) > 3:
            raise KeyboardInterrupt
        return draw(*args)

    monkeypatch.setattr(phantom, "draw", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        phantom.write(tmp_path / "PHANTOM", 64, 64)
    assert list(tmp_path.iterdir()) == []


def test_a_set_of_an_older_edition_is_made_anew(tmp_path):
    folder = phantom.write(tmp_path / "PHANTOM", 64, 64)
    stamp = folder / "phantom.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "edition": 0}))
    (folder / "test/images/01_test.tif").unlink()
    phantom.write(folder, 64, 64)
    assert len(fundus.load("PHANTOM", "all", tmp_path)) == 24


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"beach")
    with pytest.raises(ValueError, match="something else than phantoms"):
        phantom.write(tmp_path, 64, 64)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_cells_are_the_same_for_a_seed_and_lie_between_dark_membranes():
    x, again = phantom.draw_cells(5, 200, 180), phantom.draw_cells(5, 200, 180)
    assert np.array_equal(x.image, again.image) and np.array_equal(x.cells, again.cells)
    assert x.image.shape == x.cells.shape == (1, 200, 180)
    assert x.image.dtype == np.float32 and x.cells.dtype == bool
    assert 0 <= x.image.min() and x.image.max() <= 1
    assert 0.6 < x.cells.mean() < 0.9  # 0.77 on the real slices of training
    assert x.image[x.cells].mean() > x.image[~x.cells].mean() + 0.1
    assert ndimage.label(x.cells[0])[1] > 10
    assert not np.array_equal(x.cells, phantom.draw_cells(6, 200, 180).cells)


def test_too_small_a_slice_is_refused():
    assert phantom.draw_cells(0, 64, 64).cells.any()
    with pytest.raises(ValueError, match="63 x 80 pixels has no room for cells.* 64"):
        phantom.draw_cells(0, 63, 80)


def test_membranes_are_thin():
    x = phantom.draw_cells(0, 300, 300)
    inner = ndimage.binary_erosion(~x.cells[0], iterations=4)
    assert inner.mean() < 0.05
