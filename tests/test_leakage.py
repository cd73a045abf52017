"""The test images decide nothing: no threshold, no weights, no standardisation."""

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import __main__ as commands
from helpers import evaluation, fundus, phantom, places
from helpers.inference import Segmenter
from helpers.preprocess import Standardisation
from helpers.unet import UNet


@pytest.fixture
def weights(tmp_path):
    """Return a file of small weights with a threshold of its own."""
    diameter = fundus.fov_diameter(phantom.draw(0, 96, 93).fov)
    shape = {"in_channels": 4, "widths": [4, 8]}
    torch.manual_seed(0)
    model, scaling = UNet(4, 1, [4, 8]).eval(), Standardisation(0.5, 0.1)
    path = tmp_path / "weights.pt"
    Segmenter(model, scaling, 0.4375, diameter, shape).save(path)
    return path


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    """Return a data folder with small phantoms that the commands will use."""
    phantom.write(tmp_path / "PHANTOM", 96, 93)
    monkeypatch.setattr(phantom, "write", lambda *_: None)
    return tmp_path


def scores(data_dir, weights, tmp_path):
    """Return what the command evaluate writes."""
    target = tmp_path / "scores.json"
    arguments = ["evaluate", "--dataset", "PHANTOM", "--weights", str(weights)]
    arguments += ["--data", str(data_dir), "--json", str(target)]
    args = commands.parser().parse_args(arguments)
    places.export(DATA=data_dir)
    assert commands.evaluate(args) == 0
    return json.loads(target.read_text("utf-8"))


def test_no_threshold_comes_from_the_test_images(
    data_dir, weights, tmp_path, monkeypatch
):
    monkeypatch.setenv("FUNDUS_DATA", str(data_dir))
    before = scores(data_dir, weights, tmp_path)
    assert before["threshold"] == 0.4375
    val = fundus.load("PHANTOM", "val", data_dir)
    sato = evaluation.choose_threshold(
        lambda x: evaluation.sato_probs(x.image, x.fov), val
    )
    assert before["sato"]["threshold"] == sato
    for label in sorted((data_dir / "PHANTOM/test/1st_manual").iterdir()):
        pixels = np.asarray(Image.open(label).convert("L"))
        Image.fromarray(255 - pixels).save(label)  # every test label turned over
    after = scores(data_dir, weights, tmp_path)
    assert after["sato"]["pooled"] != before["sato"]["pooled"]
    assert after["threshold"] == before["threshold"]
    assert after["sato"]["threshold"] == before["sato"]["threshold"]


def test_one_chapter_alone_opens_the_test_split():
    for path in sorted((places.ROOT / "notebooks" / "src").glob("[0-9]*.py")):
        code = "\n".join(
            line
            for line in path.read_text("utf-8").splitlines()
            if not line.startswith("#")
        )
        opens = re.search(r"load\(\s*(\"test\"|split|\"all\")", code)
        assert bool(opens) == path.name.startswith("09_"), path.name


def test_training_never_opens_the_test_split(data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("FUNDUS_DATA", str(data_dir))
    read = fundus.read_image

    def guarded(path):
        assert "_test" not in str(path.name), f"{path} was opened"
        return read(path)

    monkeypatch.setattr(fundus, "read_image", guarded)
    out = tmp_path / "run"
    arguments = ["train", "--dataset", "PHANTOM", "--mode", "smoke", "--steps", "4"]
    args = commands.parser().parse_args([*arguments, "--out", str(out)])
    assert commands.train(args) == 0
    assert (out / "weights.pt").exists() and (out / "result.json").exists()
