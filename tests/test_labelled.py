"""A folder of one's own: pairs, persons, splits; and the same scores as a named set."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

from helpers import __main__ as commands
from helpers import datasets, environment, fundus, labelled, phantom, pictures
from helpers.inference import Segmenter


def lay_out(place: Path, images: str, labels: str) -> Path:
    """Make files without content; names are parted by spaces."""
    for folder, names in (("images", images), ("labels", labels)):
        (place / folder).mkdir(parents=True, exist_ok=True)
        for name in names.split():
            (place / folder / name).write_text(name)
    return place


@pytest.fixture
def forty(tmp_path):
    names = [f"{k:02d}" for k in range(40)]
    images, labels = (" ".join(f"{k}{end}" for k in names) for end in (".jpg", ".png"))
    return lay_out(tmp_path / "mine", images, labels)


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        ("a b", "a.png b.gif", {"a": "a.png", "b": "b.gif"}),
        ("a", "a_label.png", {"a": "a_label.png"}),
        ("image_01l", "Image_01L_1stHO.png", {"image_01l": "Image_01L_1stHO.png"}),
        ("im0001", "im0001.ah.ppm", {"im0001": "im0001.ah.ppm"}),
        ("1", "10.png 1x.png", {}),  # what only begins alike is another photograph's
        ("a a_2", "a_2_label.png", {"a_2": "a_2_label.png"}),
        ("a", "a_one.png a_two.png", {}),  # which one nobody can tell
        ("a", "a.png a_two.png", {"a": "a.png"}),
    ],
)
def test_a_label_is_found_by_name(images, labels, expected):
    found = labelled.partners(images.split(), map(Path, labels.split()))
    assert {name: path.name for name, path in found.items()} == expected


def test_what_is_there_is_told_and_what_has_no_partner_is_left_out(tmp_path):
    place = lay_out(
        tmp_path,
        "b.JPG a.png c.tif x.png .a.png notes.txt",
        "a.png b_v.gif C.png y.png",
    )
    (place / "second").mkdir()
    shutil.copy(place / "labels/a.png", place / "second/a_2nd.png")
    mine = labelled.scan(place)
    assert sorted(datasets.ids(mine, "all")) == ["a", "b", "c"]
    assert mine.left_out == ("images/notes.txt", "images/x.png", "labels/y.png")
    assert mine.path(mine.vessels, "b") == "labels/b_v.gif"
    assert mine.has_second("a") and not mine.has_second("b")
    assert not mine.has_fov("a")
    assert datasets.get(mine) is mine and datasets.folder(mine, "no") == place
    assert datasets.verify(mine, "no") == {"missing": [], "differs": []}


def test_the_hash_divides_persons_always_alike(forty):
    mine = labelled.scan(forty)
    assert {k: len(x) for k, x in mine.splits.items()} == {
        "train": 24, "val": 8, "test": 8,
    }  # fmt: skip
    assert mine.splits["val"] == ("03", "07", "08", "09", "13", "17", "29", "39")
    assert "a hash of the person, each photograph a person" in mine.divided_by
    rows = "".join(f"{k:02d};p{k // 2}\n" for k in range(40))
    (forty / "persons.csv").write_text(f"ID; Person\n{rows}", "utf-8-sig")
    mine = labelled.scan(forty)
    assert {k: len(x) for k, x in mine.splits.items()} == {
        "train": 24, "val": 8, "test": 8,
    }  # fmt: skip
    for members in mine.splits.values():
        eyes = {datasets.person(mine, image_id) for image_id in members}
        assert len(members) == 2 * len(eyes), "both eyes of a person in one split"


@pytest.mark.parametrize("number", [3, 4, 5])
def test_few_pairs_are_enough_for_each_split(tmp_path, number):
    files = " ".join(f"{name}.png" for name in "abcde"[:number])
    splits = labelled.scan(lay_out(tmp_path, files, files)).splits
    assert len(splits["val"]) == len(splits["test"]) == 1
    assert len(splits["train"]) == number - 2


def test_a_table_decides_and_can_be_written_again(tmp_path):
    place = lay_out(tmp_path, "a.png b.png c.png d.png", "a.png b.png c.png d.png")
    table = "id,split,person\nd.png,test,2\nb,train,1\na,Train,1\nc, val,3\n\n"
    (place / "split.csv").write_text(table)
    mine = labelled.scan(place)
    assert mine.splits == {"train": ("a", "b"), "val": ("c",), "test": ("d",)}
    assert mine.persons == {"a": "1", "b": "1", "c": "3", "d": "2"}
    assert mine.divided_by == "split.csv, persons by split.csv"
    (place / "split.csv").write_bytes(labelled.split_table(mine))
    assert labelled.scan(place) == mine


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("split.csv", "id,split\na,train\nb,val\n", "gives no split for c; add it"),
        ("split.csv", "id,split\na,train\nb,val\nc,dev\n", "c has the split 'dev'"),
        ("split.csv", "id,split\na,train\nb,val\nc,val\n", "leaves test empty"),
        ("split.csv", "id,split\n1,train\n", "names '1', but no .* zeros off"),
        ("split.csv", "name,split\na,train\n", "columns name, split; .* name id"),
        ("split.csv", "", "its first line must name id and split"),
        (
            "split.csv",
            "id,split,person\na,train,P\nb,val,P\nc,test,Q\n",
            "P is in train and in val; both eyes",
        ),
        ("split.csv", "id,split,person\na,train,P\nb,val,\nc,test,Q\n", "no person"),
        ("persons.csv", "id,person\na,1\nb,1\nc,2\n", "shows 2 persons"),
        ("persons.csv", "id,person\na,\xe9", "not UTF-8"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, file, text, message):
    place = lay_out(tmp_path, "a.png b.png c.png", "a.png b.png c.png")
    (place / file).write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message):
        labelled.scan(place)


def test_a_photograph_under_two_names_is_refused(tmp_path):
    place = lay_out(tmp_path, "a.png b.png c.png", "a.png b.png c.png")
    shutil.copy(place / "images/a.png", place / "images/c.png")
    with pytest.raises(ValueError, match="a and c are the same photograph"):
        labelled.scan(place)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ("a.png b.png", "a.png b.png", "2 photographs, 2 of them .* at least 3"),
        ("a_x.png", "a_y.png", r"first: a_x.png, a_y.png.*begins with it"),
        ("a.png a.jpg b.png", "a.png", "a.jpg and a.png, two photographs"),
        ("", "", "0 photographs"),
    ],
)
def test_a_folder_that_is_none_is_refused(tmp_path, images, labels, message):
    with pytest.raises(ValueError, match=message):
        labelled.scan(lay_out(tmp_path, images, labels))


def test_a_record_names_the_folder_and_its_content_never_its_place(forty, tmp_path):
    mine = labelled.scan(forty)
    assert mine.identity()["dataset"] == "mine"
    assert str(tmp_path) not in json.dumps(mine.identity())
    moved = forty.rename(tmp_path / "other")
    digest = mine.identity()["dataset_sha256"]
    assert labelled.scan(moved).identity() == {
        "dataset": "other",
        "dataset_sha256": digest,
    }
    (moved / "labels/07.png").write_text("another")
    assert labelled.scan(moved).identity()["dataset_sha256"] != digest


def test_photographs_are_known_by_their_bytes_as_trained_on(forty, monkeypatch):
    mine = labelled.scan(forty)
    first = mine.splits["test"][0]
    known = {"dataset": "x", "trained_on": ["1"], "photographs": ["no"]}
    assert datasets.seen(mine, "test", known) == []
    known["photographs"] += [mine.photographs()[first]]
    assert datasets.seen(mine, "test", known) == [first]
    later = {"dataset": "y", "trained_on": [], "photographs": [], "init": known}
    assert datasets.seen(mine, "test", later) == [first]
    # A copy of a published photograph is known, too, under whatever name.
    published = {"dataset": "DRIVE", "trained_on": ["21"]}
    files = {"training/images/21_training.tif": mine.photographs()[first]}
    monkeypatch.setattr(datasets, "manifest", lambda _: files)
    assert datasets.seen(mine, "test", published) == [first]
    assert datasets.seen("DRIVE", "train", published) == ["21"]
    # The same name in another set is another eye.
    assert datasets.seen(mine, "all", {"dataset": "DRIVE", "trained_on": ["07"]}) == []


@pytest.fixture
def both(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """Return a small PHANTOM's data folder and its eyes as a folder of one's own."""
    splits = {"train": ("21", "22"), "val": ("33",), "test": ("01", "02")}
    facts = dataclasses.replace(datasets.get("PHANTOM"), splits=splits)
    monkeypatch.setitem(datasets.DATASETS, "PHANTOM", facts)
    base, own = tmp_path / "sets", tmp_path / "sets/眼睛 mine"
    phantom.write(base / "PHANTOM", 96, 93)
    lines = ["id,split"]
    for split in ("train", "val", "test"):
        for image_id in datasets.ids(facts, split):
            lines.append(f"{image_id},{split}")
            for kind, end in (
                ("image", ""),
                ("vessels", "_manual1"),
                ("fov", "_mask"),
                ("second", "_manual2"),
            ):
                file = base / "PHANTOM" / facts.path(getattr(facts, kind), image_id)
                to = own / labelled.FOLDERS[kind] / f"{image_id}{end}{file.suffix}"
                to.parent.mkdir(parents=True, exist_ok=True)
                if file.is_file():
                    shutil.copy(file, to)
    (own / "split.csv").write_text("\n".join(lines))
    return base, own


def test_a_set_laid_out_as_a_folder_trains_and_scores_alike(
    both, tmp_path, monkeypatch, capsys
):
    base, own = both
    monkeypatch.setattr(environment, "run_elsewhere", lambda *_: None)
    monkeypatch.setenv("FUNDUS_DATA", "")
    results, tests = [], []
    for name in ("PHANTOM", str(own)):
        out = tmp_path / f"run{len(tests)}"
        command = ["--dataset", name, "--data", str(base)]
        train = [*command, "--mode", "smoke", "--steps", "6", "--out", str(out)]
        assert commands.main(["train", *train]) == 0
        weights = ["--weights", str(out / "weights.pt"), "--json", str(out / "s.json")]
        assert commands.main(["evaluate", *command, *weights]) == 0
        results.append(json.loads((out / "result.json").read_text("utf-8")))
        tests.append(json.loads((out / "s.json").read_text("utf-8")))
    networks = [Segmenter.load(tmp_path / f"run{k}/weights.pt") for k in (0, 1)]
    first, second = (network.model.state_dict() for network in networks)
    assert all(torch.equal(first[key], second[key]) for key in first)
    for key in ("threshold", "standardisation", "fov_diameter", "sizes"):
        assert getattr(networks[0], key) == getattr(networks[1], key)
    for key in ("data_sha256", "best", "trained_on", "config"):
        a, b = (r[key] for r in results)
        assert {**a, "seconds": 0} == {**b, "seconds": 0} if key == "best" else a == b
    for key in ("pooled", "ci95", "per_image", "second_observer", "sato", "objects"):
        assert tests[0][key] == tests[1][key], key
    assert results[1]["dataset"] == tests[1]["dataset"] == "眼睛 mine"
    assert results[1]["dataset_sha256"] == tests[1]["dataset_sha256"]
    assert str(tmp_path) not in json.dumps(results[1])
    assert str(own.parent) not in json.dumps([results[1], networks[1].origin])
    said = capsys.readouterr().out
    assert "split by split.csv, each photograph a person: train 2 of 2" in said
    written = {path.name for path in (tmp_path / "run1").iterdir()}
    assert {"report.html", "split.csv"} <= written
    assert set(datasets.seen(labelled.scan(own), "all", networks[1].origin)) == set(
        datasets.ids("PHANTOM", "train")
    )


def test_ones_own_photographs_are_read_as_segment_reads_them(both):
    _, own = both
    mine = labelled.scan(own)
    for x in fundus.OnDisk(mine, "val", "no"):
        photo = pictures.read_photo(own / mine.path("image", x.name))[0]
        assert (x.image == photo).all() and x.vessels.any()
