"""Reading any label, the splits, the field of view, and clear refusals."""

import numpy as np
import pytest
from PIL import Image
from skimage.draw import disk

from helpers import config, fundus, phantom


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """Return a data folder that holds small phantoms."""
    folder = tmp_path_factory.mktemp("data 数据")
    phantom.write(folder / "PHANTOM", 96, 93)
    return folder


def write_label(path, truth, kind):
    index = truth.astype(np.uint8)
    if kind == "grey":
        Image.fromarray(index * 255).save(path)
    elif kind == "one bit":
        Image.fromarray(index * 255).convert("1").save(path)
    elif kind == "palette":
        picture = Image.fromarray(index, mode="P")
        picture.putpalette([3, 3, 3, 253, 253, 253])
        picture.save(path)
    elif kind == "inverted palette":
        picture = Image.fromarray(1 - index, mode="P")
        picture.putpalette([255, 255, 255, 0, 0, 0])
        picture.save(path)
    elif kind == "rgb":
        Image.fromarray(np.repeat(index[..., None] * 255, 3, 2)).save(path)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("grey", "gif"),
        ("grey", "png"),
        ("one bit", "png"),
        ("palette", "gif"),
        ("inverted palette", "png"),
        ("rgb", "tif"),
    ],
)
def test_labels_of_every_encoding_read_alike(tmp_path, kind, suffix):
    truth = np.zeros((20, 30), bool)
    truth[4:9, 10:22] = True
    write_label(tmp_path / f"label.{suffix}", truth, kind)
    assert np.array_equal(fundus.read_label(tmp_path / f"label.{suffix}")[0], truth)


def test_an_empty_label_stays_empty(tmp_path):
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(tmp_path / "empty.png")
    assert not fundus.read_label(tmp_path / "empty.png").any()


def test_splits_are_disjoint_and_complete():
    numbers = {"DRIVE": 40, "CHASEDB1": 28, "ISBI2012_EM": 30, "PHANTOM": 24}
    for name, number in numbers.items():
        members = fundus.ids(name, "all")
        assert len(members) == len(set(members)) == number
    assert fundus.ids("DRIVE", "val") == ("37", "38", "39", "40")
    children = {
        split: {i[:2] for i in fundus.ids("CHASEDB1", split)}
        for split in ("train", "val", "test")
    }
    assert not children["train"] & children["val"]
    assert not (children["train"] | children["val"]) & children["test"]


def test_load(data_dir):
    images = fundus.load("PHANTOM", "val", data_dir)
    assert [x.name for x in images] == ["33", "34", "35", "36"]
    x = images[0]
    assert x.image.shape == (3, 96, 93) and x.image.dtype == np.float32
    assert x.vessels.shape == x.fov.shape == (1, 96, 93)
    assert x.vessels.dtype == x.fov.dtype == bool
    assert 0 <= x.image.min() and x.image.max() <= 1
    assert x.second is None
    assert fundus.load_one("PHANTOM", "01", data_dir).second.any()


def test_refusals_name_the_remedy(data_dir, tmp_path):
    with pytest.raises(ValueError, match="unknown data set 'DRIV'; known are CHASE"):
        fundus.folder("DRIV", data_dir)
    with pytest.raises(FileNotFoundError, match="helpers data DRIVE"):
        fundus.folder("DRIVE", data_dir)
    (tmp_path / "DRIVE").mkdir()
    with pytest.raises(FileNotFoundError, match="is empty"):
        fundus.folder("DRIVE", tmp_path)
    with pytest.raises(ValueError, match="choose train, val, test or all"):
        fundus.ids("DRIVE", "valid")


@pytest.fixture
def own_copy(tmp_path):
    """Return a data folder whose files a test may spoil."""
    phantom.write(tmp_path / "PHANTOM", 64, 64)
    return tmp_path


def test_a_missing_label_is_named(own_copy):
    (own_copy / "PHANTOM/training/1st_manual/34_manual1.gif").unlink()
    with pytest.raises(FileNotFoundError, match="34_manual1.gif is missing"):
        fundus.load("PHANTOM", "val", own_copy)


def test_a_label_of_another_size_is_named(own_copy):
    path = own_copy / "PHANTOM/training/1st_manual/33_manual1.gif"
    Image.open(path).resize((60, 64)).save(path)
    with pytest.raises(
        ValueError, match="PHANTOM 33: vessels is 64 x 60, the image 64"
    ):
        fundus.load("PHANTOM", "val", own_copy)


def test_a_cut_off_image_and_a_text_file_are_named(own_copy):
    path = own_copy / "PHANTOM/training/images/33_training.tif"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ValueError, match="33_training.tif cannot be read as an image"):
        fundus.load("PHANTOM", "val", own_copy)
    path.write_text("this is no image")
    with pytest.raises(ValueError, match="cannot be read as an image"):
        fundus.read_image(path)


def test_without_any_test_label_validation_stands_in(own_copy):
    assert fundus.scored_split("PHANTOM", own_copy) == "test"
    labels = sorted((own_copy / "PHANTOM/test/1st_manual").iterdir())
    labels[0].unlink()  # one missing label is an error of the folder, not that case
    assert fundus.scored_split("PHANTOM", own_copy) == "test"
    for label in labels[1:]:
        label.unlink()
    assert fundus.scored_split("PHANTOM", own_copy) == "val"


@pytest.mark.parametrize("touches_frame", [False, True])
def test_automatic_fov(touches_frame):
    rng = np.random.default_rng(0)
    truth = np.zeros((200, 210), bool)
    radius = 108 if touches_frame else 90
    truth[disk((100, 105), radius, shape=truth.shape)] = True
    image = 0.02 * rng.random((3, 200, 210)).astype(np.float32)
    image[0] += 0.5 * truth
    image[0, 95:99, 40:160] = 0.0  # a dark vessel is no hole
    found = fundus.automatic_fov(image)[0]
    dice = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    assert dice > 0.98
    assert found[95:99, 60:150].all()
    width = 2 * radius if not touches_frame else 210
    assert fundus.fov_diameter(found[None]) == pytest.approx(width, abs=4)


def test_a_black_photograph_has_the_whole_frame_as_fov():
    assert fundus.automatic_fov(np.zeros((3, 30, 30), np.float32)).all()
    with pytest.raises(ValueError, match="empty"):
        fundus.fov_diameter(np.zeros((1, 5, 5), bool))


def test_manifests_name_the_files_that_the_reader_opens():
    for name in ("DRIVE", "CHASEDB1", "ISBI2012_EM"):
        dataset, files = fundus.DATASETS[name], fundus.manifest(name)
        assert all(len(digest) == 64 for digest in files.values())
        for image_id in fundus.ids(name, "all"):
            assert dataset.path(dataset.image, image_id) in files
            label = dataset.vessels or dataset.cells
            assert dataset.path(label, image_id) in files
    assert len(fundus.manifest("ISBI2012_EM")) == 60
    assert len(fundus.manifest("DRIVE")) == 140
    assert len(fundus.manifest("CHASEDB1")) == 84


def test_data_hash_sees_a_single_pixel(data_dir):
    images = fundus.load("PHANTOM", "val", data_dir)
    before = fundus.data_sha256(images)
    images[2].vessels[0, 40, 40] ^= True
    assert fundus.data_sha256(images) != before


def test_slices_of_tissue_are_read_by_their_own_function(tmp_path):
    cells = phantom.draw_cells(21, 70, 80)
    for part, pixels in (("image", cells.image * 255), ("label", cells.cells * 255)):
        (tmp_path / f"ISBI2012_EM/train/{part}").mkdir(parents=True)
        for name in ("21", "22", "23"):
            path = tmp_path / f"ISBI2012_EM/train/{part}/{name}.png"
            Image.fromarray(np.rint(pixels[0]).astype(np.uint8)).save(path)
    first, *rest = fundus.load_cells("val", tmp_path)
    assert np.array_equal(first.cells, cells.cells) and len(rest) == 2
    assert np.allclose(first.image, cells.image, atol=1e-6)
    with pytest.raises(ValueError, match=r"shows no eyes.*load_cells"):
        fundus.load("ISBI2012_EM", "val", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"0\.png is missing"):
        fundus.load_cells("train", tmp_path)
    Image.fromarray(np.ones((70, 81), np.uint8)).save(path)
    with pytest.raises(ValueError, match="23: the label is 70 x 81, the image 70 x 80"):
        fundus.load_cells("val", tmp_path)


def test_slices_of_tissue_are_read_from_the_challenges_stacks(tmp_path):
    drawn = [phantom.draw_cells(k, 64, 70) for k in range(30)]
    (tmp_path / "ISBI2012_EM").mkdir()
    for name, layers in (
        ("train-volume.tif", [np.rint(x.image[0] * 255) for x in drawn]),
        ("train-labels.tif", [x.cells[0] * 255 for x in drawn]),
    ):
        first, *rest = [Image.fromarray(x.astype(np.uint8)) for x in layers]
        path = tmp_path / "ISBI2012_EM" / name
        first.save(path, save_all=True, append_images=rest)
    val = fundus.load_cells("val", tmp_path)
    assert [x.name for x in val] == ["21", "22", "23"]
    for read, made in zip(val, drawn[21:24], strict=True):
        assert np.array_equal(read.cells, made.cells)
        assert np.allclose(read.image, made.image, atol=1e-6)
    first.save(path)  # one page is left
    with pytest.raises(ValueError, match=r"train-labels\.tif cannot be read"):
        fundus.load_cells("val", tmp_path)


# ---- The real images, where FUNDUS_DATA points to them ----


def real(name):
    try:
        fundus.folder(name, config.data_dir())
    except FileNotFoundError as error:
        pytest.skip(f"{name} is not here: {error}")
    return config.data_dir()


def test_drive_constants():
    images = fundus.load("DRIVE", "test", real("DRIVE"))
    assert sum(x.fov.sum() for x in images) == 4_538_143
    assert sum((x.vessels & x.fov).sum() for x in images) == 577_649
    assert sum(x.vessels.sum() for x in images) == 577_945
    assert images[0].second.sum() == 28_848


def test_drive_second_observer():
    from helpers import metrics

    images = fundus.load("DRIVE", "test", real("DRIVE"))
    counts = [metrics.count(x.second, x.vessels, x.fov) for x in images]
    row = metrics.scores(metrics.Counts(*np.sum(counts, axis=0)))
    expected = {
        "dice": 0.7891,
        "sensitivity": 0.7746,
        "specificity": 0.9725,
        "accuracy": 0.9473,
        "mcc": 0.7591,
    }
    assert {key: round(row[key], 4) for key in expected} == expected


def test_slices_are_mostly_cell():
    slices = fundus.load_cells("all", real("ISBI2012_EM"))
    assert all(x.image.shape == x.cells.shape == (1, 512, 512) for x in slices)
    assert np.mean([x.cells.mean() for x in slices]) == pytest.approx(0.78, abs=0.01)


def test_chase_automatic_fov_keeps_the_vessels():
    for x in fundus.load("CHASEDB1", "all", real("CHASEDB1")):
        assert (x.vessels & x.fov).sum() / x.vessels.sum() >= 0.994


def test_real_files_are_the_published_ones():
    for name in ("DRIVE", "ISBI2012_EM"):
        problems = fundus.verify(name, real(name))
        assert problems == {"missing": [], "differs": []}
