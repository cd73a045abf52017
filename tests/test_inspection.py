"""Labels before the first step: what can be read, what is refused, what is shown."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from helpers import __main__ as commands
from helpers import environment, figures, fundus, inspection, labelled, phantom

EYES = [phantom.draw(seed, 96, 93) for seed in range(4)]
VESSELS = EYES[0].vessels[0]
GREY = VESSELS.astype(np.uint8) * 255


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def coloured(*colours) -> np.ndarray:
    """Return a label whose vessels have colours in turn, left to right."""
    picture = np.zeros((*VESSELS.shape, 3), np.uint8)
    for k, colour in enumerate(colours):
        part = np.zeros_like(VESSELS)
        part[:, k * 93 // len(colours) : (k + 1) * 93 // len(colours)] = True
        picture[VESSELS & part] = colour
    return picture


@pytest.fixture
def mine(tmp_path):
    """Return a folder of four labelled phantoms, which a test may spoil."""
    for k, x in enumerate(EYES):
        pixels = np.rint(255 * x.image).astype(np.uint8).transpose(1, 2, 0)
        save(tmp_path / f"mine/images/eye{k}.png", pixels)
        save(tmp_path / f"mine/labels/eye{k}.png", x.vessels[0].astype(np.uint8) * 255)
    return tmp_path / "mine"


@pytest.mark.parametrize(
    ("name", "pixels", "values"),
    [
        ("grey.png", GREY, "0 and 255"),
        ("ones.png", GREY // 255, "0 and 1"),
        ("bits.tif", VESSELS, "0 and 255"),
        ("palette.gif", GREY, "0 and 255"),
        ("red.png", coloured((255, 0, 0)), "0 and (255, 0, 0)"),
        ("deep.png", GREY.astype(np.uint16), "0 and 255"),
        ("deeper.tif", GREY.astype(np.uint16) * 257, "0 and 65535"),
        ("float.tif", VESSELS.astype(np.float32), "0 and 1"),
        ("noise.jpg", GREY, "0 and 255, with noise"),
        ("opaque.png", np.dstack([GREY] * 3 + [GREY * 0 + 255]), "0 and 255"),
        ("black.png", GREY * 0, "0 alone"),
    ],
)
def test_two_values_are_read_for_certain(tmp_path, name, pixels, values):
    path = save(tmp_path / name, pixels)
    assert inspection.values_of(path) == values
    expected = VESSELS if values != "0 alone" else VESSELS & False
    assert (fundus.read_label(path)[0] == expected).all()


SMOOTH = Image.fromarray(GREY).resize((124, 128), Image.Resampling.BILINEAR)


@pytest.mark.parametrize(
    ("name", "pixels", "words"),
    [
        ("classes.png", coloured((1, 1, 1), (2, 2, 2))[..., 0], r"more .*\(0: .*, 1: "),
        ("grey.png", coloured((255, 255, 255), (128,) * 3)[..., 0], "128: .*classes"),
        ("av.png", coloured((255, 0, 0), (0, 0, 255)), r"\(255, 0, 0\): .*arteries"),
        ("av.jpg", coloured((255, 0, 0), (0, 0, 255)), "more than two values"),
        ("smooth.png", np.asarray(SMOOTH), "more than two values .* more"),
        ("alpha.png", np.dstack([GREY] * 3 + [GREY]), "transparent parts"),
        ("bright.png", GREY // 3 + 150, "all bright"),
        ("photo.jpg", np.rint(EYES[0].image * 255).astype(np.uint8).transpose(1, 2, 0),
         "more than two values"),
    ],
)  # fmt: skip
def test_other_labels_are_refused_with_what_came(tmp_path, name, pixels, words):
    with pytest.raises(ValueError, match=words) as error:
        inspection.values_of(save(tmp_path / name, pixels))
    assert name in str(error.value) and "save it with two values" in str(error.value)


def test_a_good_folder_is_told_about_and_drawn(mine, tmp_path):
    said = []
    pairs = inspection.check(labelled.scan(mine), tmp_path / "out", said.append)
    assert [pair.fault for pair in pairs] == [""] * 4
    text = "\n".join(said)
    for words in (
        "mine: 4 photographs with labels",
        "96 x 93 (4)",
        "values of the labels: 0 and 255 (4)",
        "field of view: found (4), ",
        "train 2 of 2 persons, val 1 of 1 persons, test 1 of 1 persons",
    ):
        assert words in text
    assert text.encode("gbk")
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 3
    assert not re.search(r"(src|href)=\"(?!data:)", page) and "$" not in page
    assert len(page) < 100_000 and str(tmp_path) not in page
    shares = {x.name: inspection.share_of(x) for x in EYES}
    assert len(shares) == 4 and all(0.01 < share < 0.3 for share in shares.values())
    (mine / "split.csv").write_bytes((tmp_path / "out/split.csv").read_bytes())
    assert labelled.scan(mine).splits == {
        split: tuple(p.image_id for p in pairs if p.split == split)
        for split in ("train", "val", "test")
    }


def test_the_outline_lies_round_the_vessels_and_not_on_them():
    wide = np.zeros((1, 700, 700), bool)
    wide[:, 300:340] = True
    grey = np.full((3, 700, 700), 0.5, np.float32)
    x = fundus.FundusImage("x", grey, wide, np.ones_like(wide))
    content = base64.b64decode(inspection._picture(x).partition(",")[2])
    drawn = np.asarray(Image.open(io.BytesIO(content))).astype(int)
    assert drawn.shape == (350, 350, 3), "at most 640 pixels a side"
    blue = np.abs(drawn - 255 * figures.rgb(figures.SKY)).max(2) < 40
    assert set(np.flatnonzero(blue.all(1))) == {149, 170}


SPECK = np.zeros_like(GREY)
SPECK[40:44, 40:44] = 255


@pytest.mark.parametrize(
    ("file", "pixels", "words"),
    [
        ("labels/eye1.png", 255 - GREY, r"marks 8\d.*%.*more than 30%: it is inverted"),
        ("labels/eye1.png", GREY * 0, "marks 0.0%.*less than 1%: it is empty"),
        ("labels/eye1.png", SPECK, r"marks 0\.\d%.*less than 1%"),
        ("labels/eye1.png", GREY[:90], r"vessels is 90 x 93, the image 96 x 93"),
        ("labels/eye1.png", coloured((255, 0, 0), (0, 0, 255)), "arteries and veins"),
        ("labels/eye1.png", b"no image", "cannot be read as an image"),
        ("images/eye1.png", b"no image", "cannot be read as an image"),
        ("images/eye1.png", np.zeros((20, 20, 3), np.uint8), "20 x 20 pixels"),
        ("fov/eye1_mask.png", GREY * 0, "0% of what it marks is lit"),
        (
            "fov/eye1_mask.png",
            np.where(EYES[1].fov[0], 0, 255).astype(np.uint8),
            "is lit in the photograph; it is empty, inverted",
        ),
        ("fov/eye1_mask.png", GREY[:, :90], r"fov is 96 x 90"),
        ("second/eye1_b.png", coloured((255, 0, 0), (0, 0, 255)), "arteries and veins"),
    ],
)
def test_a_pair_that_cannot_be_right_is_refused(mine, tmp_path, file, pixels, words):
    (mine / file).unlink(missing_ok=True)
    if isinstance(pixels, bytes):
        (mine / file).write_bytes(pixels)
    else:
        save(mine / file, pixels)
    with pytest.raises(ValueError, match=words) as error:
        inspection.check(labelled.scan(mine), tmp_path / "out", lambda _: None)
    assert "1 of 4 pairs of mine cannot be used" in str(error.value)
    assert file.partition("/")[2] in str(error.value), "the file is named"
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert 'class="bad"' in page and str(tmp_path) not in page


@pytest.fixture
def main(monkeypatch, capsys):
    """Return a function that runs a command here: (exit code, what it said)."""
    monkeypatch.setattr(environment, "run_elsewhere", lambda *_: None)
    monkeypatch.setenv("FUNDUS_DATA", "")

    def run(*arguments):
        code = commands.main(list(map(str, arguments)))
        return code, "".join(capsys.readouterr())

    return run


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_commands_refuse_before_anything_is_done(mine, tmp_path, main, command):
    save(mine / "labels/eye2.png", 255 - GREY)
    options = {"train": ["--out", tmp_path / "out", "--mode", "smoke", "--steps", 1]}
    code, said = main(command, "--dataset", mine, *options.get(command, ()))
    assert code == 2 and "labels/eye2.png marks" in said
    assert "error: 1 of 4 pairs" in said and "step" not in said


def test_a_named_sets_labels_are_looked_at_too(tmp_path, main):
    place = phantom.write(tmp_path / "PHANTOM", 96, 93)
    path = place / "training/1st_manual/25_manual1.gif"
    save(path, np.where(fundus.read_label(path)[0], 0, 255).astype(np.uint8))
    options = ["--dataset", "PHANTOM", "--data", tmp_path, "--out", tmp_path / "out"]
    code, said = main("train", *options, "--mode", "smoke")
    assert code == 2 and "PHANTOM 25: the label marks" in said and "inverted" in said
    assert not (tmp_path / "out/checkpoint.pt").exists()
