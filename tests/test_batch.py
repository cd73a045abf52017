"""Many photographs: found, named, kept safe, taken up again, shared out."""

import errno
import io
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from helpers import (
    batch,
    datasets,
    fundus,
    inference,
    phantom,
    photo,
    pictures,
    seal,
    table,
)
from helpers.preprocess import Standardisation
from helpers.unet import UNet

KINDS = tuple(photo.ENDINGS)


def network(file: Path, seed: int, threshold: float) -> Path:
    """Write a small network that was not trained, for eyes of 80 pixels."""
    torch.manual_seed(seed)
    parts = UNet(4, 1, (2, 4)).eval(), Standardisation(0.5, 0.25), threshold, 80.0
    sizes = {"in_channels": 4, "widths": [2, 4]}
    inference.Segmenter(*parts, sizes).save(file)
    return file


@pytest.fixture(scope="module")
def net(tmp_path_factory) -> Path:
    return network(tmp_path_factory.mktemp("net") / "net.pt", 0, 0.5)


@pytest.fixture(scope="module")
def eyes() -> list[bytes]:
    """Return three photographs as PNG files."""
    files = []
    for seed in range(3):
        picture = phantom.draw(seed, 96, 93).image.transpose(1, 2, 0) * 255
        files.append(io.BytesIO())
        Image.fromarray(picture.astype(np.uint8)).save(files[-1], "png")
    return [file.getvalue() for file in files]


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path, eyes):
    """Work in a folder with the photographs a.png, b.png and c.png in ``photos``."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for name, eye in zip("abc", eyes, strict=True):
        Path(f"photos/{name}.png").write_bytes(eye)


@pytest.fixture
def segment(net):
    """Return a function that segments files and gives the outcomes."""

    def run(*paths, out="out", **options):
        options = {"weights": [net]} | options
        photographs, _ = batch.find([Path(p) for p in paths], Path(out))
        return list(batch.segment_files(photographs, Path(out), **options))

    return run


def rows(out="out") -> dict[str, dict]:
    return {Path(k).name: row for k, row in table.read(Path(out, table.NAME)).items()}


def results(out="out") -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in Path(out).glob("*.[pj][np]g")}


def named(*stems) -> set[str]:
    return {f"{stem}{end}" for stem in stems for end in photo.ENDINGS.values()}


# What is the user's stays


@pytest.mark.parametrize("ending", photo.ENDINGS.values())
@pytest.mark.parametrize("content", [b"my label", b"", None])
def test_a_file_of_the_users_keeps_its_name(segment, ending, content, eyes):
    mine = Path(f"photos/a{ending}")
    content = eyes[1] if content is None else content
    mine.write_bytes(content)
    (outcome,) = segment("photos/a.png", out="photos", keep=["prob"])
    assert mine.read_bytes() == content
    assert outcome.row["result"] == "a_png" and not outcome.row["error"]
    assert Path("photos/a_png_prob.png").is_file()


def test_a_link_to_nowhere_and_a_folder_keep_their_names(segment):
    Path("out/a_fov.png").mkdir(parents=True)
    if sys.platform != "win32":
        Path("out/b_fov.png").symlink_to("nowhere")
    a, b = segment("photos/a.png", "photos/b.png")
    assert a.row["result"] == "a_png"
    assert sys.platform == "win32" or b.row["result"] == "b_png"


def test_a_result_that_was_painted_on_is_the_users(segment):
    segment("photos/a.png")
    file = Path("out/a_vessels.png")
    with Image.open(file) as picture:
        picture.transpose(Image.Transpose.ROTATE_180).save(file)
    painted = file.read_bytes()
    (outcome,) = segment("photos/a.png", threshold=0.25)
    assert file.read_bytes() == painted and outcome.row["result"] == "a_png"


@pytest.mark.parametrize("promised", ["a", "A"])
def test_a_name_that_is_promised_is_taken(promised):
    eye = batch.Photograph(Path("photos/a.png"))
    rows = {"x": {"result": promised, "sha256": "other"}}
    assert batch.free_name(eye, "mine", Path("out"), rows) == "a_png"
    rows["y"] = {"result": "a_png", "sha256": "other"}
    assert batch.free_name(eye, "mine", Path("out"), rows) == "a-2"
    rows[eye.file] = {"result": "a-3", "sha256": "mine"}
    assert batch.free_name(eye, "mine", Path("out"), rows) == "a-3", "its own"
    eye = batch.Photograph(eye.path, "a")
    assert batch.free_name(eye, "mine", Path("out"), rows) == "a-2", "as asked for"


def test_names_are_promised_before_the_files_are_there(net, eyes):
    """Two processes with one --out, step by step."""
    Path("other").mkdir()
    for name, eye in zip("bca", eyes, strict=True):
        Path(f"other/{name}.png").write_bytes(eye)
    pairs = [
        batch.segment_files(batch.find([Path(p)], Path("out"))[0], Path("out"), [net])
        for p in ("photos", "other")
    ]
    for outcomes in zip(*pairs, strict=True):
        assert not any(outcome.row["error"] for outcome in outcomes)
    done = table.read(Path("out/segment.csv"))
    assert len(done) == 6
    stems = {row["result"] for row in done.values()}
    assert len(stems) == 6 and set(results()) == named(*stems)
    for row in done.values():
        assert seal.read(Path(f"out/{row['result']}_prob.png"))["source"] == (
            datasets.sha256(Path(row["file"]))
        )


def test_names_that_differ_by_case_only_are_one_name(segment, eyes):
    Path("photos/A.jpg").write_bytes(eyes[1])
    outcomes = segment("photos/a.png", "photos/A.jpg")
    assert [o.row["result"] for o in outcomes] == ["a", "A_jpg"]


# Names and tables


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="no such names there")
def test_any_name_of_a_file_gets_a_row_and_files(segment, eyes):
    long = [b"x" * 250 + b"1.png", b"x" * 250 + b"2.png"]
    odd = ["眼底一.png".encode("gbk"), "眼底二.png".encode("gbk"), b"=1+1.png"]
    odd += [b"a\nb.png", b'q"uo,te:;?.png', "眼".encode() * 80 + b".png", b"con.x.png"]
    shutil.rmtree("photos")
    Path("photos").mkdir()
    for number, name in enumerate([*odd, *long]):
        Path("photos", os.fsdecode(name)).write_bytes(eyes[0] + bytes([number]))
    outcomes = segment("photos")
    assert not [o.row["error"] for o in outcomes if o.row["error"]]
    stems = {o.row["result"] for o in outcomes}
    assert len(stems) == 9 and {"=1+1", "a_b", "q_uo,te_;_", "_con.x"} <= stems
    assert set(results()) == named(*stems)
    for name in results():
        assert len(name.encode()) <= 255
        assert not set(name) & set('<>:"/\\|?*\n')
    again = segment("photos")
    assert all(o.skipped for o in again), "the same rows are found again"
    assert len(rows()) == 9
    Path("out/segment.csv").read_text("utf-8-sig").encode()


def test_long_names_that_differ_at_the_end_stay_apart():
    one, two = (batch.portable("x" * 245 + end) for end in "12")
    assert one != two and len(one) == batch.ROOM
    assert batch.portable(one) == one
    assert len(batch.portable("眼" * 100, "-12").encode()) <= batch.ROOM


# What was done is not done again


def test_a_run_goes_on_where_it_was_stopped(segment, monkeypatch):
    whole = segment("photos", out="whole")
    assert [o.left is None for o in whole] == [True, False, False]

    def stop(path, *_):
        if path.name == "b_vessels.png":
            raise KeyboardInterrupt
        write(path, *_)

    write = seal.write
    monkeypatch.setattr(seal, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        segment("photos")
    monkeypatch.setattr(seal, "write", write)
    assert [r["error"] for r in rows().values()] == ["", batch.UNFINISHED]
    outcomes = segment("photos")
    assert [o.skipped for o in outcomes] == [True, False, False]
    assert results() == results("whole")
    assert [r | {"seconds": ""} for r in rows().values()] == [
        r | {"seconds": ""} for r in rows("whole").values()
    ]
    assert all(o.skipped for o in segment("photos"))
    assert not any(o.skipped for o in segment("photos", again=True))
    Path("out/b_overlay.jpg").unlink()
    assert [o.skipped for o in segment("photos")] == [True, False, True]
    assert results() == results("whole")


@pytest.mark.parametrize(
    ("column", "options"),
    [
        ("threshold", {"threshold": 0.25}),
        ("diameter", {"diameter": 90.0}),
        ("copies", {"copies": "flips"}),
        ("weights", {}),
        ("version", {}),
    ],
)
def test_what_differs_is_made_anew_under_its_own_name(
    segment, net, monkeypatch, column, options
):
    segment("photos/a.png", "photos/b.png")
    before, files = rows(), results()
    if column == "weights":
        options = {"weights": [net, network(Path("two.pt"), 1, 0.5)]}
    if column == "version":
        monkeypatch.setattr(photo, "VERSION", "0")
    (outcome,) = segment("photos/a.png", keep=["prob", "vessels"], **options)
    assert not outcome.skipped
    after, a = rows(), outcome.row
    differing = {key for key in a if a[key] != before["a.png"][key]}
    assert column in differing and not differing & {"file", "sha256", "result"}
    assert after["b.png"] == before["b.png"]
    old = {
        "a_overlay.jpg",
        "a_fov.png",
        "a_thumb.jpg",
    }  # of the other way: they would mislead
    assert set(results()) == set(files) - old
    assert seal.read(Path("out/a_prob.png"))[column] == a[column]


def test_a_photograph_is_known_by_its_content(segment, eyes):
    segment("photos")
    Path("photos").rename("elsewhere")
    assert all(o.skipped for o in segment("elsewhere"))
    assert len(rows()) == 3 and len(results()) == 15
    Path("elsewhere/a.png").write_bytes(eyes[0] + b"0")
    assert [o.skipped for o in segment("elsewhere")] == [False, True, True]
    assert rows()["a.png"]["result"] == "a_png", "another photograph"


def test_row_and_note_say_how_it_was_made(segment, net):
    other = network(Path("other.pt"), 1, 0.25)
    (outcome,) = segment("photos/a.png", weights=[net, other])
    row, note = outcome.row, seal.read(Path("out/a_overlay.jpg"))
    digests = [datasets.sha256(file)[:12] for file in (net, other)]
    assert row["weights"] == note["weights"] == "+".join(digests)
    assert float(row["threshold"]) == float(note["threshold"]) == 0.375
    assert row["sha256"] == note["source"] == datasets.sha256(Path("photos/a.png"))
    assert (row["copies"], row["version"], row["mask"]) == ("none", photo.VERSION, "")
    assert tuple(row) == table.COLUMNS
    image = pictures.read_photo("photos/a.png")[0]
    nets = [inference.Segmenter.load(file) for file in (net, other)]
    fov = fundus.automatic_fov(image)
    mean = sum(n.probs(image, fov) for n in nets) / 2
    found = np.asarray(Image.open("out/a_prob.png")) / 65535
    assert np.abs(found - mean[0]).max() < 1e-4
    assert (np.asarray(Image.open("out/a_vessels.png")) > 0).tolist() == (
        (mean[0] >= 0.375).tolist()
    )
    assert ((np.asarray(Image.open("out/a_fov.png")) > 0) == fov[0]).all()


# Failures


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (MemoryError(), "not enough memory"),
        (RuntimeError("can't allocate memory"), "not enough memory"),
        (ValueError("memory/a.png is cut off"), "memory/a.png is cut off"),
        (RuntimeError("odd"), "RuntimeError: odd"),
        (IndexError("one"), "IndexError: one"),
        (OSError(errno.EACCES, "locked"), "locked"),
        (ValueError("two\nlines"), r"two\x0alines"),
    ],
)
def test_a_photograph_that_fails_is_a_row(segment, monkeypatch, error, word):
    write = seal.write

    def fail(path, *given):
        if path.name == "b_vessels.png":
            raise error
        write(path, *given)

    monkeypatch.setattr(seal, "write", fail)
    outcomes = segment("photos")
    assert [bool(o.row["error"]) for o in outcomes] == [False, True, False]
    assert word in rows()["b.png"]["error"] and not rows()["b.png"]["result"]
    assert set(results()) == named("a", "c"), "nothing of it is left"
    monkeypatch.undo()


def test_a_full_disk_ends_the_run(segment, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(seal, "write", full)
    with pytest.raises(OSError, match="No space"):
        segment("photos")


def test_a_missing_file_is_a_row(segment):
    outcomes = segment("photos/no.png", "photos/a.png")
    assert "there is no such file" in outcomes[0].row["error"]
    assert not outcomes[1].row["error"]


def test_only_what_there_is_can_be_kept(segment):
    with pytest.raises(ValueError, match="name some of prob,vessels,overlay,fov,thumb"):
        segment("photos/a.png", keep=["probs"])
    segment("photos/a.png", keep=["vessels"])
    assert set(results()) == {"a_vessels.png"}
    (outcome,) = segment("photos/a.png", keep=["vessels", "fov"])
    assert not outcome.skipped and set(results()) == {"a_vessels.png", "a_fov.png"}


# Which photographs


def test_a_folder_says_what_it_holds_beside_photographs(segment, eyes):
    for name in ("d.heic", "e.HEIC", "notes.txt", "._a.png", ".hidden", "raw"):
        Path("photos", name).write_bytes(eyes[0])
    Path("photos/folder.jpg").mkdir()
    Path("photos/folder.jpg/z.JPG").write_bytes(eyes[1])
    found, text = batch.find([Path("photos")], Path("out"))
    assert [p.path.name for p in found] == ["a.png", "b.png", "c.png"]
    assert text == (
        "4 other files left out: 2 .heic, 1 .txt, 1 without ending; "
        "HEIC: export as JPEG"
    )
    found, _ = batch.find([Path("photos")], Path("out"), recursive=True)
    assert [p.path.name for p in found] == ["a.png", "b.png", "c.png", "z.JPG"]
    Path("other").mkdir()
    Path("other/a.heic").write_bytes(b"")
    with pytest.raises(ValueError, match=r"no image file \(1 other file left out: 1 "):
        batch.find([Path("other")], Path("out"))


def test_results_are_no_photographs(segment):
    segment("photos", out="photos/maps")
    found, text = batch.find([Path("photos")], Path("x"), recursive=True)
    assert (
        len(found) == 3
        and text == "1 other file left out: 1 .csv; 15 results passed over"
    )
    Path("photos/maps/mine.png").write_bytes(b"")
    found, text = batch.find([Path("photos")], Path("photos/maps"), recursive=True)
    assert len(found) == 3, "nothing in the folder of the results is a photograph"
    found, _ = batch.find([Path("photos")], Path(), recursive=True)
    assert len(found) == 4, "a folder may lie in that of the results"
    pattern = [Path("photos/maps/a_*")]
    with pytest.raises(ValueError, match=r"no photograph is named \(5 results passed"):
        batch.find(pattern, Path("x"))


def test_patterns_are_expanded_and_a_file_counts_once(eyes):
    Path("photos/[d].png").write_bytes(eyes[0])
    given = ["photos/*.png", "photos", "photos/[d].png", "./photos/a.png"]
    found, _ = batch.find([Path(p) for p in given], Path("out"))
    names = sorted(p.path.name for p in found)
    assert names == ["[d].png", "a.png", "b.png", "c.png"]
    with pytest.raises(FileNotFoundError, match=r"\*.jpg: there is no such file"):
        batch.find([Path("photos/*.jpg")], Path("out"))


@pytest.mark.parametrize("mark", ",;\t")
def test_a_list_gives_the_results_their_names(net, mark):
    lines = ["id,path,eye", "P 01/L,photos/a.png,left", "=2,photos/b.png,right"]
    Path("list.csv").write_text("\n".join(lines).replace(",", mark), "utf-8-sig")
    for _ in range(2):
        photographs = batch.listed(Path("list.csv"))
        done = list(batch.segment_files(photographs, Path("out"), [net]))
        assert [o.row["result"] for o in done] == ["P 01_L", "=2"]
    assert all(o.skipped for o in done)
    Path("list.csv").write_text("id,path\nother,photos/a.png\n")
    photographs = batch.listed(Path("list.csv"))
    (done,) = batch.segment_files(photographs, Path("out"), [net])
    assert done.row["result"] == "other" and len(rows()) == 2


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "needs a line `id,path`"),
        (b"name,file\n1,a.png\n", "needs a line `id,path`"),
        (b"id,path\n1,a.png\n1,b.png\n", "id '1' must be there once"),
        (b"id,path\n1,a.png\n2,a.png\n", "path 'a.png' must be there once"),
        (b"id,path\n1\n", "path '' must be there once"),
        ("id,path\n眼,a.png\n".encode("gbk"), "no CSV file in UTF-8"),
    ],
)
def test_a_list_that_is_none_is_refused(content, word):
    Path("list.csv").write_bytes(content)
    with pytest.raises(ValueError, match=word):
        batch.listed(Path("list.csv"))


# Masks


def disc(file, size=(93, 96), colour=255):
    picture = Image.new("L", size)
    picture.paste(colour, (20, 20, 70, 70))
    picture.save(file)


def test_masks_beside_the_photographs_are_no_photographs(net):
    disc("photos/a_mask.png")
    disc("photos/b_fov.gif")
    disc("photos/c_mask.png", size=(50, 50))
    shutil.copy("photos/a.png", "photos/d.png")
    disc("photos/e_mask.png", colour=0)
    shutil.copy("photos/a.png", "photos/e.png")
    found, _ = batch.find([Path("photos")], Path("out"))
    photographs = batch.with_masks(found, Path("photos"))
    assert [p.path.stem for p in photographs] == list("abcde")
    done = list(batch.segment_files(photographs, Path("out"), [net]))
    a, b, c, d, e = (o.row for o in done)
    assert not a["error"] and not b["error"]
    assert a["mask"] == datasets.sha256(Path("photos/a_mask.png"))[:12]
    assert a["fov_diameter"] == "50"
    assert (np.asarray(Image.open("out/a_fov.png")) > 0).sum() == 2500
    assert "c_mask.png is 50 x 50, the photograph 96 x 93" in c["error"]
    assert "has no mask for d.png: it would be d_mask.png" in d["error"]
    assert "e_mask.png is black" in e["error"]
    disc("photos/a_mask.png", colour=254)
    done = list(batch.segment_files(photographs[:2], Path("out"), [net]))
    assert [o.skipped for o in done] == [False, True], "another mask, another result"


def test_masks_in_a_folder_of_their_own_and_one_for_all():
    Path("masks").mkdir()
    disc("masks/a.png")
    found, _ = batch.find([Path("photos")], Path("out"))
    masks = [p.mask for p in batch.with_masks(found, Path("masks"))]
    assert masks == [Path("masks/a.png"), Path("masks"), Path("masks")]
    one = batch.with_masks(found, Path("masks/a.png"))
    assert [p.mask for p in one] == [Path("masks/a.png")] * 3
    disc("masks/a.gif")
    with pytest.raises(ValueError, match="one mask a photograph"):
        batch.with_masks(found, Path("masks"))
    with pytest.raises(FileNotFoundError, match="no such mask"):
        batch.with_masks(found, Path("nothing"))


# Several processes


def test_several_processes_make_the_same_files(segment, eyes):
    Path("photos/broken.png").write_bytes(eyes[0][:500])
    said = []
    alone = segment("photos", out="one")
    together = segment("photos", out="two", jobs=2, say=said.append)
    assert results("one") == results("two") and len(results("one")) == 15
    same = [{**row, "seconds": ""} for row in rows("one").values()]
    assert same == [{**row, "seconds": ""} for row in rows("two").values()]
    assert len(alone) == len(together) == 4 and rows("two")["broken.png"]["error"]
    assert "2 processes, each with up to" in said[0] and "GB per megapixel" in said[0]


def test_a_process_that_died_is_a_row(segment, monkeypatch):
    class Crew(batch.workers.Here):
        def __init__(self, size, died, *_):
            super().__init__(lambda piece: died(-9))

    monkeypatch.setattr(batch.workers, "Crew", Crew)
    outcomes = segment("photos", jobs=2)
    assert all("its process ended (exit code -9)" in o.row["error"] for o in outcomes)
