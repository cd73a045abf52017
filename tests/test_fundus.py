"""Reading any label, the splits, the field of view, and clear refusals."""

import dataclasses
import gzip

import numpy as np
import pytest
from PIL import Image
from skimage.draw import disk

from helpers import datasets, fundus, phantom, places


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
    numbers = {"DRIVE": 40, "CHASEDB1": 28, "STARE": 20, "HRF": 45}
    numbers |= {"ISBI2012_EM": 30, "PHANTOM": 24}
    assert numbers.keys() == datasets.DATASETS.keys()
    for name, number in numbers.items():
        members = datasets.ids(name, "all")
        assert len(members) == len(set(members)) == number
    assert datasets.ids("DRIVE", "val") == ("37", "38", "39", "40")
    children = {
        split: {i[:2] for i in datasets.ids("CHASEDB1", split)}
        for split in ("train", "val", "test")
    }
    assert not children["train"] & children["val"]
    assert not (children["train"] | children["val"]) & children["test"]


def test_both_eyes_of_a_child_are_one_person():
    eyes = datasets.ids("CHASEDB1", "all")
    assert len(eyes) == 28
    assert len({datasets.person("CHASEDB1", name) for name in eyes}) == 14
    assert datasets.person("DRIVE", "21") == "21"


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
        datasets.folder("DRIV", data_dir)
    with pytest.raises(FileNotFoundError, match="helpers data DRIVE"):
        datasets.folder("DRIVE", data_dir)
    (tmp_path / "DRIVE").mkdir()
    with pytest.raises(FileNotFoundError, match="is empty"):
        datasets.folder("DRIVE", tmp_path)
    with pytest.raises(ValueError, match="choose train, val, test or all"):
        datasets.ids("DRIVE", "valid")


def test_the_facts_of_a_set_do_where_its_name_does(data_dir):
    for name in datasets.DATASETS:
        facts = datasets.get(name)
        assert datasets.get(facts) is facts and str(facts) == name
        assert datasets.manifest(facts) == datasets.manifest(name)
        assert datasets.unpublished(facts) == datasets.unpublished(name)
        assert datasets.home(facts, data_dir) == datasets.home(name, data_dir)
    facts = datasets.get("PHANTOM")
    assert datasets.verify(facts, data_dir) == datasets.verify("PHANTOM", data_dir)
    assert datasets.absent(facts, data_dir) == []
    with pytest.raises(FileNotFoundError, match="DRIVE does not exist; fetch the set"):
        datasets.folder(datasets.get("DRIVE"), data_dir)


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
    assert datasets.scored_split("PHANTOM", own_copy) == "test"
    labels = sorted((own_copy / "PHANTOM/test/1st_manual").iterdir())
    labels[0].unlink()  # one missing label is an error of the folder, not that case
    assert datasets.scored_split("PHANTOM", own_copy) == "test"
    for label in labels[1:]:
        label.unlink()
    assert datasets.scored_split("PHANTOM", own_copy) == "val"


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
    numbers = {"DRIVE": 140, "CHASEDB1": 84, "STARE": 60, "HRF": 135, "ISBI2012_EM": 60}
    for name, number in numbers.items():
        dataset, files = datasets.DATASETS[name], datasets.manifest(name)
        assert all(len(digest) == 64 for digest in files.values())
        templates = ("image", "vessels", "cells", "fov", "second")
        opened = set()
        for image_id in datasets.ids(name, "all"):
            for template in filter(None, (getattr(dataset, t) for t in templates)):
                has_it = dataset.split_of(image_id) in dataset.second_in
                if has_it or template != dataset.second:
                    opened.add(dataset.path(template, image_id).casefold())
        assert opened == {file.casefold() for file in files}
        assert len(files) == number


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


# ---- The ways in which files lie on people's disks ----


@pytest.fixture
def stare(tmp_path) -> tuple:
    """Return a folder with STARE's first image drawn, and what was drawn."""
    x = phantom.draw(0, 96, 93)
    pictures = {
        "images/im0001.ppm": np.rint(x.image * 255).astype(np.uint8).transpose(1, 2, 0),
        "labels-ah/im0001.ah.ppm": x.vessels[0].astype(np.uint8) * 255,
        "labels-vk/im0001.vk.ppm": np.roll(x.vessels[0], 1).astype(np.uint8) * 255,
    }
    for name, pixels in pictures.items():
        path = tmp_path / "STARE" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(pixels).save(path, "PPM")
    return tmp_path, x


@pytest.mark.parametrize("layout", ["plain", "gzipped", "flat", "flat and gzipped"])
def test_stare_is_read_as_files_and_as_the_official_ones(stare, layout):
    data_dir, drawn = stare
    for path in list((data_dir / "STARE").rglob("*.ppm")):
        target = data_dir / "STARE" / path.name if "flat" in layout else path
        content = path.read_bytes()
        path.unlink()
        if "gzipped" in layout:
            target = target.with_name(target.name + ".gz")
            content = gzip.compress(content)
        target.write_bytes(content)
    x = fundus.load_one("STARE", "im0001", data_dir)
    assert np.array_equal(x.vessels, drawn.vessels)
    assert np.array_equal(x.second[0], np.roll(drawn.vessels[0], 1))
    assert np.abs(x.image - drawn.image).max() <= 0.5 / 255 + 1e-6
    assert (x.fov & drawn.fov).sum() > 0.98 * drawn.fov.sum()


def test_gzipped_files_are_compared_by_their_content(stare, monkeypatch):
    data_dir, _ = stare
    path = data_dir / "STARE/images/im0001.ppm"
    monkeypatch.setattr(
        datasets, "manifest", lambda _: {path.name: datasets.sha256(path)}
    )
    packed = data_dir / "STARE/im0001.ppm.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert datasets.verify("STARE", data_dir) == {"missing": [], "differs": []}
    packed.write_bytes(packed.read_bytes()[:-9])
    assert datasets.verify("STARE", data_dir)["differs"] == [path.name]
    with pytest.raises(ValueError, match=r"im0001\.ppm\.gz cannot be read"):
        fundus.read_image(packed)


def test_hrf_is_read_in_any_letter_case_with_its_coloured_masks(tmp_path):
    x, place = phantom.draw(0, 96, 93), tmp_path / "HRF"
    for folder in ("images", "manual1", "mask"):
        (place / folder).mkdir(parents=True)
    colours = np.rint(x.image * 255).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(colours).save(place / "images/01_dr.JPG", "JPEG", quality=95)
    Image.fromarray(x.vessels[0].astype(np.uint8) * 255).save(
        place / "manual1/01_dr.tif"
    )
    mask = np.repeat(x.fov[0, :, :, None].astype(np.uint8) * 255, 3, 2)
    Image.fromarray(mask).save(place / "mask/01_dr_mask.tif")
    read = fundus.load_one("HRF", "01_dr", tmp_path)
    assert np.array_equal(read.vessels, x.vessels) and np.array_equal(read.fov, x.fov)
    assert read.second is None
    (place / "images/01_dr.JPG").rename(place / "images/01_dr.jpg")
    again = fundus.load_one("HRF", "01_dr", tmp_path)
    assert np.array_equal(again.image, read.image)


def test_a_split_on_disk_gives_what_load_gives(data_dir):
    lazy = fundus.OnDisk("PHANTOM", "val", data_dir)
    assert len(lazy) == 4
    for a, b in zip(lazy, fundus.load("PHANTOM", "val", data_dir), strict=True):
        assert np.array_equal(a.image, b.image) and a.name == b.name
    half = fundus.OnDisk("PHANTOM", "val", data_dir, half=True)
    assert half[0].image.shape == (3, 48, 46)


def test_half_resolution_keeps_labels_binary_and_thin_lines_whole():
    image = np.arange(3 * 9 * 7, dtype=np.float32).reshape(3, 9, 7) / 200
    line = np.zeros((1, 9, 7), bool)
    line[0, :, 3] = True
    x = fundus.FundusImage("a", image, line, np.ones((1, 9, 7), bool))
    half = fundus.halve(x)
    assert half.image.shape == (3, 4, 3) and half.image.dtype == np.float32
    assert half.image[1, 0, 0] == pytest.approx(image[1, :2, :2].mean())
    assert half.vessels.dtype == bool and half.vessels[0].T.tolist()[1] == [True] * 4
    assert half.vessels.sum() == 4 and half.fov.all() and half.second is None


def test_slices_count_as_whole_in_either_form(tmp_path, monkeypatch):
    """Git's id of a blob is SHA-1 over a head with the length, then the bytes."""
    assert datasets.is_original(b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a")
    assert not datasets.is_original(
        b"hello", "ce013625030ba8dba906f756967f9e9ca394464a"
    )
    stacks = {"train-volume.tif": "ce013625030ba8dba906f756967f9e9ca394464a"}
    changed = dataclasses.replace(datasets.DATASETS["ISBI2012_EM"], stacks=stacks)
    monkeypatch.setitem(datasets.DATASETS, "ISBI2012_EM", changed)
    place = tmp_path / "ISBI2012_EM"
    place.mkdir()
    (place / "train-volume.tif").write_bytes(b"hello\n")
    whole = {"missing": [], "differs": []}
    assert datasets.verify("ISBI2012_EM", tmp_path) == whole
    (place / "train-volume.tif").write_bytes(b"other")
    assert datasets.verify("ISBI2012_EM", tmp_path)["differs"] == ["train-volume.tif"]


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


BORDERS = {  # red, green, blue; deviation of their noise
    "black": ((0, 0, 0), 0),
    "grey": ((0.35, 0.35, 0.35), 0),
    "blue": ((0.1, 0.2, 0.6), 0),
    "white": ((1, 1, 1), 0),
    "noisy": ((0.3, 0.3, 0.3), 0.04),
    "noisy black": ((0.02, 0.02, 0.02), 0.03),
}


@pytest.mark.parametrize("border", BORDERS)
def test_a_border_of_any_colour_is_told_from_the_eye(border):
    (colour, noise), x = BORDERS[border], phantom.draw(2, 584, 565)
    rng = np.random.default_rng(0)
    image = np.where(x.fov, x.image, np.reshape(colour, (3, 1, 1)))
    image += rng.normal(0, noise, image.shape) if noise else 0
    found, parts = fundus.find_fov(image.clip(0, 1).astype(np.float32))
    assert iou(found, x.fov) > 0.99 and parts == 1


def test_what_hangs_on_to_the_disc_and_hot_pixels_do_not_widen_it():
    x = phantom.draw(3, 584, 565)
    image = x.image.copy()
    image[:, 288:296, :] = 1  # a line of writing from border to border
    image[:, 5, 5] = 60  # a hot pixel of a file of floats
    found, _ = fundus.find_fov(image)
    assert iou(found, x.fov) > 0.98


def test_discs_are_counted_and_what_is_none_is_known():
    x = phantom.draw(1, 292, 282)
    pair = np.concatenate([x.image, x.image], axis=2)
    assert fundus.find_fov(pair)[1] == 2
    line, pixel = np.zeros((2, 100, 100), bool)
    line[50], pixel[50, 50] = True, True
    cut = x.fov[0].copy()
    cut[:40], cut[-40:] = False, False  # as HRF's and STARE's are
    assert fundus.is_disc(x.fov[0]) and fundus.is_disc(cut)
    assert not any(map(fundus.is_disc, (line, pixel, np.ones((50, 50), bool))))


def test_automatic_fov_of_a_large_photograph_is_that_of_a_small_one():
    x = phantom.draw(2, 292, 282)
    large = x.image.repeat(9, 1).repeat(9, 2)  # 2628 x 2538: every second pixel counts
    found = fundus.automatic_fov(large)
    truth = x.fov.repeat(9, 1).repeat(9, 2)
    assert found.shape == (1, 2628, 2538)
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.98


# ---- The real images, where FUNDUS_DATA points to them ----


def real(name):
    try:
        datasets.folder(name, places.data_dir())
    except FileNotFoundError as error:
        pytest.skip(f"{name} is not here: {error}")
    return places.data_dir()


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


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_chase_automatic_fov_keeps_the_vessels():
    data_dir = real("CHASEDB1")
    for x in fundus.load("CHASEDB1", "all", data_dir):
        assert (x.vessels & x.fov).sum() / x.vessels.sum() >= 0.994
        by_hand = data_dir / f"reference_fov/CHASEDB1/Image_{x.name}.gif"
        if by_hand.is_file():
            assert dice(x.fov, fundus.read_label(by_hand)) >= 0.98


def test_drive_automatic_fov_is_nearly_the_published_one():
    for x in fundus.load("DRIVE", "all", real("DRIVE")):
        assert dice(fundus.automatic_fov(x.image), x.fov) >= 0.98


def test_real_files_are_the_published_ones():
    for name in ("DRIVE", "ISBI2012_EM"):
        problems = datasets.verify(name, real(name))
        assert problems == {"missing": [], "differs": []}
