"""Maps of others are read as they are, scored as ours, and paired eye by eye."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from helpers import inference, phantom
from results.experiments import peers

NAMES = ("01", "02", "03")


@pytest.fixture
def brought(tmp_path, monkeypatch):
    """Return the folder of one peer; its maps are the shipped network's own."""
    drawn = [phantom.draw(k, 200, 190) for k in range(len(NAMES))]
    eyes = [dataclasses.replace(x, name=y) for x, y in zip(drawn, NAMES, strict=True)]
    monkeypatch.setattr(peers.fundus, "OnDisk", lambda *_: eyes)
    monkeypatch.setattr(peers.datasets, "found", lambda name, _: name == "DRIVE")
    monkeypatch.setattr(peers, "HOME", tmp_path)
    folder, segmenter = tmp_path / "someone" / "DRIVE", inference.Segmenter.load()
    folder.mkdir(parents=True)
    for x in eyes:
        probs = segmenter.probs(x.image, x.fov, "flips")[0]
        if x.name == "02":
            np.save(folder / f"{x.name}_test.npy", probs)
        else:
            whole = (probs * 65535).round().astype(np.uint16)
            Image.fromarray(whole).save(folder / f"{x.name}_test.png")
    return folder


def test_our_own_maps_brought_as_a_peer_score_as_ours(brought):
    facts = {"threshold": inference.Segmenter.load().threshold, "source": "us"}
    (brought.parent / "peer.json").write_text(json.dumps(facts), "utf-8")
    said = peers.main()["DRIVE"]
    theirs = said["peers"]["someone"]
    assert said["images"] == len(NAMES) and theirs["source"] == "us"
    for key in peers.MEANS:
        ours = said["shipped"]["pooled"][key]
        assert theirs["pooled"][key] == pytest.approx(ours, abs=1e-3)
        assert np.abs(theirs["ours_against"]["difference"][key]).max() < 1e-3
    frame = theirs["whole_frame"]["accuracy"]
    assert frame > theirs["pooled"]["accuracy"]  # the border is easy


def test_a_worse_map_is_behind_in_every_eye(brought):
    for x in peers.fundus.OnDisk():
        half = peers.map_of(brought, x)
        half[..., : half.shape[2] // 2] = 0  # it finds nothing on the left
        for file in brought.glob(f"{x.name}_*"):
            file.unlink()
        np.save(brought / f"Image_{x.name}.npy", half)
    theirs = peers.main()["DRIVE"]["peers"]["someone"]
    assert theirs["threshold"] == 0.5
    assert theirs["ours_against"]["ahead"] == dict.fromkeys(peers.MEANS, len(NAMES))
    assert theirs["ours_against"]["difference"]["auc_roc"][1] > 0


def without_one(folder):
    (folder / "01_test.png").unlink()


def small(folder):
    Image.new("L", (8, 8)).save(folder / "01_test.png")


def logits(folder):
    (folder / "01_test.png").unlink()
    np.save(folder / "01.npy", np.full((200, 190), 3.5))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_one, "0 files have 01 in their names"),
        (small, "bring a grey map of the photograph's own size"),
        (logits, "holds numbers from 3.5 to 3.5"),
    ],
)
def test_maps_that_are_none_are_refused_by_name(brought, spoil, words):
    spoil(brought)
    with pytest.raises((FileNotFoundError, ValueError), match=words):
        peers.main()


def test_without_maps_it_says_what_to_bring(tmp_path, monkeypatch):
    monkeypatch.setattr(peers, "HOME", tmp_path / "peers")
    with pytest.raises(FileNotFoundError, match="put a folder for each peer there"):
        peers.main()
