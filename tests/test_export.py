"""The network as an ONNX file: the same logits, the same vessels, clear refusals."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import __main__ as command
from helpers import export, fundus, inference, phantom, preprocess, unet

onnx = pytest.importorskip("onnx", reason="ONNX's packages are not installed")
pytest.importorskip("onnxscript", reason="ONNX's packages are not installed")
pytest.importorskip("onnxruntime", reason="ONNX's packages are not installed")


@pytest.fixture(scope="module")
def shipped():
    return inference.Segmenter.load(device=torch.device("cpu"))


@pytest.fixture(scope="module")
def file(shipped, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "drive.onnx"
    assert command.main(["export", "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def eye(tmp_path_factory):
    place = tmp_path_factory.mktemp("eyes")
    phantom.write(place / "PHANTOM", 146, 141)
    return fundus.load("PHANTOM", "val", place)[0]


@pytest.mark.parametrize("size", [(1, 64, 64), (2, 67, 97), (1, 121, 8), (3, 9, 250)])
def test_logits_are_those_of_torch_at_any_size(shipped, file, size):
    count, *sides = size
    image = np.random.default_rng(0).random((count, 4, *sides), np.float32)
    session = export.load(file).model.session
    ours = session.run(["logits"], {"image": image})[0]
    inputs = torch.from_numpy(shipped.standardisation(image))
    theirs = inference.predict_logits(shipped.model, inputs, "fp32").numpy()
    assert ours.shape == (count, 1, *sides)
    assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("tile", [None, 64])
def test_an_exported_network_finds_the_same_vessels(shipped, file, eye, tile):
    options = {"fov": eye.fov, "tta": "flips", "tile": tile, "diameter": 400.0}
    ours = export.load(file).probs(eye.image, **options)
    theirs = shipped.probs(eye.image, **options)
    assert np.abs(ours - theirs).max() < 1e-4
    assert theirs.max() > 0.5


def test_thresholds_and_all_else_come_along(shipped, file):
    ours = export.load(file).settings()
    theirs = json.loads(json.dumps(shipped.settings()))  # tuples become lists
    assert ours.pop("standardisation") == {"mean": 0.0, "std": 1.0}  # in the graph
    assert theirs.pop("standardisation") != {"mean": 0.0, "std": 1.0}
    assert ours == theirs


def test_onnx_itself_finds_the_file_sound(file):
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    taken = model.graph.input[0].type.tensor_type.shape.dim
    assert [x.dim_param or x.dim_value for x in taken] == [
        "batch",
        4,
        "height",
        "width",
    ]


def test_eight_bits_find_nearly_the_same(shipped, file, eye, tmp_path):
    small = tmp_path / "small.onnx"
    image = preprocess.prepare(eye.image)
    small.write_bytes(export.quantised(file.read_bytes(), [image]))
    assert small.stat().st_size < file.stat().st_size / 2
    ours, theirs = (x.probs(eye.image, eye.fov) for x in (export.load(small), shipped))
    assert 0 < np.abs(ours - theirs).mean() < 0.02 < theirs.mean()


def test_another_depth(eye, tmp_path):
    torch.manual_seed(0)
    model = unet.UNet(4, 1, (4, 8)).eval()
    sizes = {"in_channels": 4, "widths": [4, 8]}
    scaling = preprocess.Standardisation(0.4, 0.2)
    network = inference.Segmenter(model, scaling, 0.5, 130.0, sizes)
    export.write(network, tmp_path / "two.onnx")
    ours = export.load(tmp_path / "two.onnx").probs(eye.image, eye.fov)
    assert np.abs(ours - network.probs(eye.image, eye.fov)).max() < 1e-4


def test_segment_finds_the_same_vessels(file, eye, tmp_path):
    Image.fromarray((eye.image * 255).astype(np.uint8).transpose(1, 2, 0)).save(
        photograph := tmp_path / "eye.png"
    )
    for out, ways in {"torch": [], "onnx": ["--onnx", str(file)]}.items():
        arguments = ["segment", str(photograph), "--out", str(tmp_path / out), *ways]
        assert command.main(arguments) == 0
    pictures = [tmp_path / out / "eye_vessels.png" for out in ("torch", "onnx")]
    ours, theirs = (np.asarray(Image.open(x)) > 0 for x in pictures)
    assert 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()) > 0.999


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="export --out .* makes one"):
        export.load(tmp_path / "none.onnx")
    (tmp_path / "other.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match="holds no network of this course"):
        export.load(tmp_path / "other.onnx")
    monkeypatch.setattr(export, "PACKAGES", ("onnx", "nowhere_at_all"))
    with pytest.raises(ValueError, match="-m pip install onnx nowhere_at_all"):
        export.needed("nowhere_at_all")


def test_an_exported_network_is_not_exported_again_or_trained_on(file, tmp_path):
    with pytest.raises(ValueError, match="only weights of train can be exported"):
        export.write(export.load(file), tmp_path / "again.onnx")
    with pytest.raises(ValueError, match="cannot be read as weights"):
        inference.Segmenter.load(file)
    assert not list(tmp_path.iterdir())
