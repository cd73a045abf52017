"""Files that are whole or not there, and one set of words for a full disk."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from loopback import tree
from PIL import Image

from helpers import (
    batch,
    config,
    fetch,
    inference,
    phantom,
    saving,
    table,
    training,
)

ROOT = Path(__file__).resolve().parents[1]
FULL = Path("/dev/full")  # takes no byte
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


def write_half(path, error):
    with saving.whole(path) as part:
        part.write_text("half")
        raise error


def test_a_file_appears_at_the_end_under_its_name(tmp_path):
    path = tmp_path / "深 deep" / "file.txt"
    with saving.whole(path) as part:
        part.write_text("all")
        assert part.parent == path.parent and not path.exists()
    assert tree(tmp_path) == {"深 deep/file.txt": b"all"}


@pytest.mark.parametrize("before", [None, b"older"])
@pytest.mark.parametrize("error", [RuntimeError("power cut"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, before, error):
    path = tmp_path / "file.txt"
    if before:
        path.write_bytes(before)
    with pytest.raises(type(error)):
        write_half(path, error)
    assert tree(tmp_path) == ({"file.txt": before} if before else {})


def test_two_writers_do_not_meet(tmp_path):
    path = tmp_path / "file.txt"
    with saving.whole(path) as first, saving.whole(path) as second:
        first.write_text("1")
        second.write_text("2")
    assert tree(tmp_path) == {"file.txt": b"1"}, "the outer one ended last"


def test_the_longest_name_that_is_allowed(tmp_path):
    path = tmp_path / ("x" * 251 + ".txt")
    saving.write_bytes(path, b"1")
    assert path.read_bytes() == b"1"


@pytest.mark.parametrize("code", sorted(saving.REFUSALS - {errno.ENAMETOOLONG}))
def test_a_refusal_names_place_reason_and_remedy(tmp_path, code):
    path = tmp_path / "file.txt"
    words = rf"file\.txt cannot be written \({os.strerror(code)}\): make room, or name"
    with pytest.raises(saving.DiskError, match=words):
        write_half(path, OSError(code, os.strerror(code)))
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_too_long_for_the_system(tmp_path):
    with pytest.raises(saving.DiskError, match="cannot be written .*a shorter name"):
        saving.write_bytes(tmp_path / ("x" * 300), b"1")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_known_before_the_work(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "folder").mkdir()
    for place in ("a/file", "folder", "x" * 300):
        with pytest.raises(saving.DiskError, match="cannot be written"):
            saving.refuse_early(tmp_path / place)
    before = tree(tmp_path)
    for place in ("a", "folder/file"):
        saving.refuse_early(tmp_path / place)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("place", ["a/file", "folder"])
def test_a_file_for_a_folder_and_a_folder_for_a_file(tmp_path, place):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "folder").mkdir()
    with pytest.raises(saving.DiskError, match=f"{place} cannot be written"):
        saving.write_bytes(tmp_path / place, b"2")
    assert tree(tmp_path) == {"a": b"1"}


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(ConnectionResetError):
        write_half(tmp_path / "a", ConnectionResetError(errno.ECONNRESET, "reset"))


def test_json_comes_back_and_is_readable(tmp_path):
    path, content = tmp_path / "眼.json", {"眼": [1, 0.5], "none": None}
    saving.write_json(path, content)
    assert json.loads(path.read_text("utf-8")) == content
    assert "眼" in path.read_text("utf-8") and path.read_bytes().endswith(b"}\n")
    with pytest.raises(TypeError):
        saving.write_json(path, {"set": {1}})
    assert json.loads(path.read_text("utf-8")) == content


# Each kind of writer on a full disk: the same words.


def fetched(path):
    source = path.parent / "source"
    source.write_bytes(bytes(1 << 20))
    fetch.fetch(path, [source.as_uri()], None, 20, print)


def trained(path):
    image = phantom.draw(1, 64, 64)
    recipe = config.TrainConfig(widths=(2, 4), patch_size=16, steps=1)
    training.new_run([image], [image], recipe).save(path)


def tabled(path):
    with table.Table(path.parent).changing() as rows:
        rows["a"] = dict.fromkeys(table.COLUMNS, "")


WRITERS = {
    "bytes": lambda path: saving.write_bytes(path, b"1"),
    "JSON": lambda path: saving.write_json(path, {}),
    "fetch": fetched,
    "checkpoint": trained,
    "weights": lambda path: inference.Segmenter.load().save(path),
    "table": tabled,
}


LITTLE_ROOM = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from helpers import config, inference, phantom, saving, training
network, x = inference.Segmenter.load(), phantom.draw(0, 96, 93)
recipe = config.TrainConfig(widths=(16, 32), patch_size=32, batch_size=1, steps=1)
run = training.new_run([x], [x], recipe)
resource.setrlimit(resource.RLIMIT_FSIZE, (32 << 10, 32 << 10))
for kept, name in ((network, "weights.pt"), (run, "checkpoint.pt")):
    try:
        kept.save(f"{sys.argv[1]}/{name}")
    except saving.DiskError as error:
        print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_disk_that_gets_full_in_the_middle(tmp_path):
    command = [sys.executable, "-c", LITTLE_ROOM, str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    for name in ("weights.pt", "checkpoint.pt"):
        words = f"{name} cannot be written (File too large): make room"
        assert words in done.stdout, done.stderr
    assert tree(tmp_path) == {}, done.stderr


@needs_full
@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_the_same_message_for_all(monkeypatch, tmp_path, writer):
    path = tmp_path / table.NAME
    monkeypatch.setattr(saving.os, "urandom", bytes)
    part = tmp_path / f".{path.name}.00000000.part"
    part.symlink_to(FULL)
    with pytest.raises(saving.DiskError, match=r"\(No space left.*\): make room"):
        WRITERS[writer](path)
    assert not path.exists() and not part.is_symlink()


def test_phantoms_where_nothing_can_be_written(tmp_path):
    (tmp_path / "data").write_bytes(b"a file")
    with pytest.raises(saving.DiskError, match="PHANTOM cannot be written"):
        phantom.write(tmp_path / "data" / "PHANTOM", 64, 64)


@needs_full
def test_a_segmented_photograph_on_a_full_disk(monkeypatch, tmp_path):
    eye = phantom.draw(1, 96, 96).image
    Image.fromarray((eye.transpose(1, 2, 0) * 255).astype("uint8")).save(
        tmp_path / "eye.png"
    )
    monkeypatch.setattr(saving.os, "urandom", bytes)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.eye_vessels.png.00000000.part").symlink_to(FULL)
    files = [batch.Photograph(tmp_path / "eye.png")], tmp_path / "out"
    with pytest.raises(
        saving.DiskError, match=r"eye_vessels.png cannot be written \(No"
    ):
        list(batch.segment_files(*files))
