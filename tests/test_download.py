"""Fetching and importing data sets, on a server on this machine and made-up files."""

import dataclasses
import errno
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from loopback import (
    LOGIN,
    QUOTA,
    SHA,
    Handler,
    in_folder,
    long_name,
    lying_zip,
    quiet,
    tarred,
    tree,
    zipped,
)
from PIL import Image

from helpers import datasets, download, fetch, fundus, saving

pytestmark = pytest.mark.usefixtures("no_network")
ROOT = Path(__file__).resolve().parent.parent

# A set of nine files in DRIVE's layout, made of bytes that name themselves.
TRAINING = [
    "training/images/21_training.tif",
    "training/1st_manual/21_manual1.gif",
    "training/mask/21_training_mask.gif",
]
TEST = [f"test/images/0{i}_test.tif" for i in (1, 2)] + ["test/mask/01_test_mask.gif"]
LABELS = [f"test/1st_manual/0{i}_manual1.gif" for i in (1, 2)]
SECOND = ["test/2nd_manual/01_manual2.gif"]
FILES = {
    name: f"bytes of {name}".encode() for name in TRAINING + TEST + LABELS + SECOND
}
OFFICIAL = {name: FILES[name] for name in TRAINING + TEST}


def with_sources(monkeypatch, *sources):
    """Give DRIVE these public sources and no others."""
    changed = dataclasses.replace(datasets.DATASETS["DRIVE"], sources=sources)
    monkeypatch.setitem(datasets.DATASETS, "DRIVE", changed)


@pytest.fixture(autouse=True)
def small_set(request, monkeypatch):
    """Let the manifest be the one of the made-up set, but for tests marked real."""
    if "real" not in request.node.name:
        digests = {f: hashlib.sha256(body).hexdigest() for f, body in FILES.items()}
        monkeypatch.setattr(
            datasets, "manifest", lambda name: digests if name == "DRIVE" else {}
        )
        with_sources(monkeypatch)


# Taking a set from a folder, an archive or an address.


@pytest.mark.parametrize("form", ["folder", "zip", "tar", "tar.gz", "file", "http"])
def test_every_form_of_source(server, tmp_path, form):
    nested = {f"some/where/DRIVE/{name}": body for name, body in FILES.items()}
    source = tmp_path / "来 源"
    if form == "folder":
        in_folder(source, nested)
    elif form in ("zip", "http", "file"):
        source.write_bytes(zipped(nested))
    else:
        source.write_bytes(tarred(nested, "w:gz" if form == "tar.gz" else "w"))
    server.bodies["/a.zip"] = zipped(nested)
    address = {"file": source.as_uri(), "http": f"{server.url}/a.zip"}.get(form, source)
    data = tmp_path / "数据 set"
    assert download.import_from("DRIVE", address, data, say=quiet) == {}
    assert tree(data / "DRIVE") == FILES
    assert datasets.verify("DRIVE", data) == {"missing": [], "differs": []}


def test_files_are_known_by_content_whatever_their_name(tmp_path):
    renamed = {f"x/{i}.bin": body for i, body in enumerate(FILES.values())}
    in_folder(tmp_path / "source", renamed)
    download.import_from("DRIVE", tmp_path / "source", tmp_path, say=quiet)
    assert tree(tmp_path / "DRIVE") == FILES


def test_the_list_of_a_set_is_read_once_however_many_files_come(monkeypatch, tmp_path):
    """It was read anew for each: 45 seconds for 100,000 files."""
    asked, forms = [], datasets.forms
    monkeypatch.setattr(datasets, "forms", lambda n: asked.append(n) or forms(n))
    counts = []
    for number in (1, 50):
        files = {f"{k}.txt": b"of no set" for k in range(number)} | FILES
        (tmp_path / "a.tar").write_bytes(tarred(files, "w"))
        asked.clear()
        place = tmp_path / str(number)
        download.import_from("DRIVE", tmp_path / "a.tar", place, say=quiet)
        assert tree(place / "DRIVE") == FILES
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_archives_inside_a_folder_or_an_archive(tmp_path):
    parts = {
        "Downloads/training.zip": zipped({f: FILES[f] for f in TRAINING}),
        "Downloads/test.tgz": tarred({f: FILES[f] for f in TEST + LABELS + SECOND}),
    }
    in_folder(tmp_path / "source", parts)
    (tmp_path / "all.zip").write_bytes(zipped(parts))
    for source, data in (("source", "a"), ("all.zip", "b")):
        download.import_from("DRIVE", tmp_path / source, tmp_path / data, say=quiet)
        assert tree(tmp_path / data / "DRIVE") == FILES


def test_archive_of_a_laboratory_with_links_and_absolute_names(tmp_path):
    named = {f"/home/lab/../DRIVE/{name}": body for name, body in FILES.items()}
    (tmp_path / "lab.tar").write_bytes(tarred(named, "w", links=True))
    source = tmp_path / "lab.tar"
    assert download.get("DRIVE", tmp_path, source=source, say=quiet) == "complete"
    assert tree(tmp_path / "DRIVE") == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"DRIVE", "lab.tar"}


def test_whole_files_of_an_archive_that_is_cut_off_are_taken(tmp_path):
    (tmp_path / "a.tar").write_bytes(tarred(FILES, "w")[: 4 * 1024 + 522])
    with pytest.raises(ValueError, match=r"a\.tar cannot be unpacked"):
        download.get("DRIVE", tmp_path, source=tmp_path / "a.tar", say=quiet)
    assert tree(tmp_path / "DRIVE") == dict(list(FILES.items())[:4])


def test_one_swapped_file_is_named_and_not_taken(tmp_path):
    swapped = {**FILES, TEST[0]: FILES[TEST[1]], LABELS[0]: b"other bytes"}
    in_folder(tmp_path / "source", swapped)
    others = download.import_from("DRIVE", tmp_path / "source", tmp_path, say=quiet)
    assert others == {
        TEST[0]: f"the bytes of another file (for {TEST[0]})",
        LABELS[0]: f"not whole, or no image (for {LABELS[0]})",
    }
    assert datasets.verify("DRIVE", tmp_path)["differs"] == []
    with pytest.raises(ValueError, match=f"2 of the files.*{LABELS[0]}") as error:
        download.get("DRIVE", tmp_path, source=tmp_path / "source", say=quiet)
    assert TEST[0] in str(error.value)
    assert TEST[1] not in str(error.value)
    assert "7 files of DRIVE are verified, 0 not verified, 2 lacking" in str(
        error.value
    )


def test_a_file_is_known_by_its_bare_name_too(tmp_path):
    in_folder(tmp_path / "source", {"flat/01_MANUAL1.gif": b"other bytes"})
    others = download.import_from("DRIVE", tmp_path / "source", tmp_path, say=quiet)
    assert list(others) == ["flat/01_MANUAL1.gif"]
    assert not (tmp_path / "DRIVE").exists()


def test_second_call_repairs_one_file_and_touches_nothing_else(server, tmp_path):
    for name, body in FILES.items():
        server.bodies[f"/data/DRIVE/{name}"] = body
    address = f"{server.url}/data/DRIVE/"
    download.import_from("DRIVE", address, tmp_path, say=quiet)
    assert len(server.hits) == len(FILES)
    (tmp_path / "DRIVE" / TEST[0]).unlink()
    (tmp_path / "DRIVE" / LABELS[0]).write_bytes(b"half")
    times = {f: (tmp_path / "DRIVE" / f).stat().st_mtime_ns for f in TRAINING + SECOND}
    server.hits.clear()
    assert download.get("DRIVE", tmp_path, source=address, say=quiet) == "complete"
    assert sorted(server.hits) == [f"/data/DRIVE/{f}" for f in (LABELS[0], TEST[0])]
    assert tree(tmp_path / "DRIVE") == FILES
    for name, before in times.items():
        assert (tmp_path / "DRIVE" / name).stat().st_mtime_ns == before
    server.hits.clear()
    assert download.get("DRIVE", tmp_path, source=address, say=quiet) == "complete"
    assert not server.hits


def test_web_folder_that_lacks_files_and_one_that_is_down(server, refused, tmp_path):
    for name, body in OFFICIAL.items():
        server.bodies[f"/{name}"] = body
    for _ in range(2):
        download.import_from("DRIVE", f"{server.url}/", tmp_path, say=quiet)
        assert tree(tmp_path / "DRIVE") == OFFICIAL
    server.bodies[f"/{LABELS[0]}"] = b"other bytes"
    others = download.import_from("DRIVE", f"{server.url}/", tmp_path, say=quiet)
    assert list(others) == [LABELS[0]]
    assert tree(tmp_path / "DRIVE") == OFFICIAL
    with pytest.raises(fetch.DownloadError, match="refused"):
        download.import_from("DRIVE", refused + "/", tmp_path / "b", say=quiet)
    with pytest.raises(ValueError, match="holds no file of DRIVE"):
        download.import_from("DRIVE", f"{server.url}/x/", tmp_path / "b", say=quiet)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("body", "words"), [(LOGIN, "a web page"), (zipped(FILES)[:90], "cut off")]
)
def test_bad_archive_is_refused(tmp_path, body, words):
    (tmp_path / "a.zip").write_bytes(body)
    with pytest.raises(ValueError, match=words):
        download.get("DRIVE", tmp_path / "d", source=tmp_path / "a.zip", say=quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_source_that_is_not_there_or_is_another_set(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.zip does not exist; give"):
        download.import_from("DRIVE", tmp_path / "nothing.zip", tmp_path)
    in_folder(tmp_path / "cats", {"cat.jpg": b"meow"})
    with pytest.raises(ValueError, match="holds no file of DRIVE"):
        download.import_from("DRIVE", tmp_path / "cats", tmp_path)
    assert not (tmp_path / "DRIVE").exists()


def test_ctrl_c_in_an_import_leaves_whole_files_only(monkeypatch, tmp_path):
    in_folder(tmp_path / "source", FILES)
    write, calls = Path.write_bytes, []

    def interrupted(path, body):
        calls.append(path)
        if len(calls) == 4:
            write(path, body[:5])
            raise KeyboardInterrupt
        return write(path, body)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download.import_from("DRIVE", tmp_path / "source", tmp_path, say=quiet)
    there = tree(tmp_path / "DRIVE")
    assert len(there) == 3
    assert there.items() <= FILES.items()
    download.import_from("DRIVE", tmp_path / "source", tmp_path, say=quiet)
    assert tree(tmp_path / "DRIVE") == FILES


def test_data_folder_that_cannot_be_written(tmp_path):
    in_folder(tmp_path / "source", FILES)
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(OSError, match=r"cannot be written .*: make room, or name"):
        download.import_from("DRIVE", tmp_path / "source", tmp_path / "data", say=quiet)


# The whole of `data NAME`.


@pytest.fixture
def sources(monkeypatch, server):
    """Let DRIVE have two official archives and a full copy beside the terms."""
    training, test = ({f: FILES[f] for f in part} for part in (TRAINING, TEST))
    server.bodies = {"/training.zip": zipped(training), "/test.zip": zipped(test)}
    server.bodies["/full"] = tarred({f"repo-1/DRIVE/{f}": b for f, b in FILES.items()})
    digests = {f: hashlib.sha256(body).hexdigest() for f, body in server.bodies.items()}
    table = (
        datasets.Source(
            server.url + "/training.zip", ("training/",), digests["/training.zip"]
        ),
        datasets.Source(
            server.url + "/test.zip",
            ("test/images/", "test/mask/"),
            digests["/test.zip"],
        ),
        datasets.Source(server.url + "/full", covered=False),
    )
    with_sources(monkeypatch, *table)
    return server


def test_official_state_without_accepted_terms(sources, tmp_path):
    said = []
    assert download.get("DRIVE", tmp_path, say=said.append) == "official"
    assert sources.hits == ["/training.zip", "/test.zip"]
    assert tree(tmp_path) == {f"DRIVE/{f}": body for f, body in OFFICIAL.items()}
    text = "\n".join(said)
    assert "6 of 9 files of DRIVE" in text
    assert "Not published: test/1st_manual, test/2nd_manual" in text
    assert "--accept-terms" in text
    sources.hits.clear()
    assert download.get("DRIVE", tmp_path, say=quiet) == "official"
    assert not sources.hits


def test_terms_and_citation_come_before_the_first_byte(sources, tmp_path):
    events = []
    sources.hits = events
    download.get("DRIVE", tmp_path, accept_terms=True, say=events.append)
    first = events.index("/training.zip")
    before = "\n".join(events[:first])
    dataset = datasets.DATASETS["DRIVE"]
    for fact in (dataset.terms, dataset.citation, dataset.home):
        assert fact in before
    full = events.index("/full")
    assert any("terms do not cover" in event for event in events[first:full])


def test_copies_the_terms_do_not_cover_are_last_and_on_request(sources, tmp_path):
    assert download.get("DRIVE", tmp_path, accept_terms=True, say=quiet) == "complete"
    assert sources.hits == ["/training.zip", "/test.zip", "/full"]
    assert tree(tmp_path / "DRIVE") == FILES


def test_dead_sources_end_in_a_message_with_the_remedy(sources, tmp_path):
    sources.bodies.clear()
    said = []
    with pytest.raises(fetch.DownloadError, match="0 of 9 files") as error:
        download.get("DRIVE", tmp_path, say=said.append)
    for part in ("by hand at https://drive", "--from FILE_OR_FOLDER", "--accept-terms"):
        assert part in str(error.value)
    assert sum(re.search(r"\b404\b", line) is not None for line in said) == 2
    assert not list(tmp_path.iterdir())


def test_official_archive_with_another_sha256_is_not_opened(sources, tmp_path):
    sources.bodies["/test.zip"] = zipped({f: FILES[f] for f in TEST} | {"new": b"1"})
    said = []
    with pytest.raises(fetch.DownloadError, match="3 of 9 files"):
        download.get("DRIVE", tmp_path, say=said.append)
    assert any("test.zip: wrong bytes" in line for line in said)
    assert set(tree(tmp_path / "DRIVE")) == set(TRAINING)


def test_public_source_with_other_bytes_is_not_taken(sources, tmp_path):
    sources.bodies["/full"] = tarred({LABELS[0]: b"other bytes"})
    said = []
    state = download.get("DRIVE", tmp_path, accept_terms=True, say=said.append)
    assert state == "official"
    assert any("not the originals" in line and LABELS[0] in line for line in said)
    assert not (tmp_path / "DRIVE" / LABELS[0]).exists()


@pytest.mark.parametrize("body", [FILES[LABELS[0]], b"other bytes"])
def test_official_means_exactly_the_unpublished_are_missing(sources, tmp_path, body):
    in_folder(tmp_path / "DRIVE", {**OFFICIAL, LABELS[0]: body})
    with pytest.raises(fetch.DownloadError, match=LABELS[1]):
        download.get("DRIVE", tmp_path, say=quiet)


def test_fetching_needs_neither_numpy_nor_pillow(tmp_path):
    code = (
        "import sys; from helpers import download; import helpers.__main__\n"
        "try: download.get('DRIVE', sys.argv[1], source=sys.argv[1])\n"
        "except (OSError, ValueError): print(sys.modules.keys() & {'numpy', 'PIL'})"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.endswith("\nset()\n"), done.stderr


def test_unknown_and_drawn_sets(tmp_path):
    with pytest.raises(ValueError, match="PHANTOM is drawn, not fetched"):
        download.get("PHANTOM", tmp_path, say=quiet)
    assert not list(tmp_path.iterdir())


def test_real_manifests_and_sources_fit_together():
    for name, num_files, num_published in (("DRIVE", 140, 100), ("CHASEDB1", 84, 84)):
        files = datasets.manifest(name)
        assert len(set(files.values())) == len(files) == num_files
        assert all(len(digest) == 64 for digest in files.values())
        sources = datasets.DATASETS[name].sources
        covered = [source.covered for source in sources]
        assert covered == sorted(covered, reverse=True)  # official ones first
        gives = tuple(g for s in sources if s.covered for g in s.gives)
        assert sum(file.startswith(gives) for file in files) == num_published
        assert all(len(source.sha256 or SHA) == 64 for source in sources)
    with pytest.raises(ValueError, match="unknown data set 'CATS'"):
        download.get("CATS", "data")


@pytest.mark.parametrize("name", ["DRIVE", "CHASEDB1"])
def test_real_data_by_content_alone(tmp_path, name):
    place = Path(os.environ.get("FUNDUS_DATA") or tmp_path / "none") / name
    files = datasets.manifest(name)
    if not all((place / file).is_file() for file in files):
        pytest.skip(f"FUNDUS_DATA names no folder with a complete {name}")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i, file in enumerate(files):
            archive.write(place / file, f"folder/{i}")
    data = tmp_path / "data"
    assert download.get(name, data, source=tmp_path / "a.zip", say=quiet) == "complete"
    assert datasets.verify(name, data) == {"missing": [], "differs": []}


# Faults, one by one, in the whole of `data NAME`.

GOOD = tarred({f"DRIVE/{name}": body for name, body in FILES.items()})
FAULTS = {  # where it is not an address: what the server sends, what is said
    "404": (None, "HTTP Error 404"),
    "403": (None, "HTTP Error 403"),
    "429": (None, "HTTP Error 429.*try again in 120 s"),
    "500": (None, "HTTP Error 500"),
    "silent": (None, "timed out"),
    "drip": (None, "bytes came in 0.3 seconds"),
    "quota": (QUOTA, "quota is used up"),
    "login": (LOGIN, "a login"),
    "cut": (GOOD + bytes(2000), "cut off after 1000"),
    "declared": (GOOD, "too many"),
    "endless": (bytes(9000), "more than 8,000 bytes are too many"),
    "corrupt": (GOOD[:60], "cannot be unpacked"),
    "xz": (tarred(FILES, "w:xz")[:60] + bytes(90), "cannot be unpacked"),
    "bz2": (tarred(FILES, "w:bz2")[:60] + bytes(90), "cannot be unpacked"),
    "text": (b"no archive", "cannot be unpacked"),
    "zipbomb": (zipped({"bomb": bytes(5001)}), "too large"),
    "lying": (lying_zip(3000), "cannot be unpacked|Bad CRC"),
    "gzbomb": (zipped({"a.ppm.gz": gzip.compress(bytes(5001))}), "too large"),
    "tarbomb": (tarred({"bomb": bytes(5001)}), "too large"),
    "longname": (long_name(5001), "too large"),
    "nested": (
        zipped({f"{i}.tgz": tarred({"a": bytes(4000)}) for i in "123"}), "too large"
    ),
    "others": (tarred({LABELS[0]: b"other bytes"}), "not the originals"),
    "cats": (zipped({"cat.jpg": b"meow"}), "holds no original of what is lacking"),
}  # fmt: skip


@pytest.fixture
def shrunk(monkeypatch):
    """Make the limits so small that a test can meet them."""
    monkeypatch.setattr(datasets, "MAX_FILE", 5000)
    monkeypatch.setattr(fetch, "MAX_TOTAL", 8000)
    monkeypatch.setattr(fetch, "STALL", 0.3)
    monkeypatch.setattr(fetch, "LIMIT", 0.3)


def address_of(fault, server, refused):
    server.headers["Retry-After"] = "120"
    if fault in FAULTS and FAULTS[fault][0]:
        server.bodies[f"/{fault}"] = FAULTS[fault][0]
    web = {"name": "https://name.invalid/a.zip", "refused": refused}
    return web.get(fault, f"{server.url}/{fault}")


@pytest.mark.parametrize("fault", [*FAULTS, "name", "refused"])
def test_each_fault_ends_clearly_or_in_the_next_source(
    monkeypatch, shrunk, server, refused, tmp_path, fault
):
    bad, said = datasets.Source(address_of(fault, server, refused)), []
    with_sources(monkeypatch, bad)
    in_folder(tmp_path / "DRIVE", {TRAINING[0]: FILES[TRAINING[0]]})
    start = time.monotonic()
    with pytest.raises(fetch.DownloadError) as error:
        download.get("DRIVE", tmp_path, say=said.append)
    assert time.monotonic() - start < 4
    words = {"name": "its name cannot be looked up", "refused": "refused"}
    assert re.search(words.get(fault) or FAULTS[fault][1], "\n".join(said)), said
    for step in ("1 of 9 files", "by hand at https://drive", "data DRIVE --from"):
        assert step in str(error.value)
    assert tree(tmp_path) == {f"DRIVE/{TRAINING[0]}": FILES[TRAINING[0]]}
    server.bodies["/good"] = GOOD
    with_sources(monkeypatch, bad, datasets.Source(f"{server.url}/good"))
    assert download.get("DRIVE", tmp_path, say=quiet) == "complete"
    assert tree(tmp_path / "DRIVE") == FILES
    server.hits.clear()
    assert download.get("DRIVE", tmp_path, say=quiet) == "complete"
    assert not server.hits


@pytest.mark.parametrize("fault", ["429", "500", "403", "silent"])
def test_web_folder_that_fails_is_not_taken_for_an_empty_one(
    monkeypatch, shrunk, server, tmp_path, fault
):
    monkeypatch.setattr(Handler, "do_GET", folder_fault(fault))
    with pytest.raises(fetch.DownloadError, match=FAULTS[fault][1].split(".*")[0]):
        download.import_from("DRIVE", f"{server.url}/x/", tmp_path, say=quiet)
    assert len(server.hits) == 1


def folder_fault(fault, real=Handler.do_GET):
    def do_get(self):
        self.path = f"/{fault}"
        return real(self)

    return do_get


def full_disk(monkeypatch, at, code=errno.ENOSPC):
    """Let the second block that is written to a path with ``at`` in it fail."""
    real = Path.open

    class Full(io.BytesIO):
        def write(self, block):
            raise OSError(code, os.strerror(code))

    def opened(path, mode="r", *args, **kwargs):
        if "w" in mode and at in str(path):
            real(path, mode, *args, **kwargs).close()
            return Full()
        return real(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", opened)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("at", ["my data", "fundus-"])
def test_disk_that_takes_nothing_ends_all_and_names_the_place(
    monkeypatch, server, tmp_path, at, code
):
    server.bodies = {"/good": GOOD, "/second": GOOD}
    both = [datasets.Source(f"{server.url}/{name}") for name in ("good", "second")]
    with_sources(monkeypatch, *both)
    full_disk(monkeypatch, at, code)
    with pytest.raises(saving.DiskError, match="make room, or name another") as error:
        download.get("DRIVE", tmp_path / "my data", say=quiet)
    assert at in str(error.value)
    assert os.strerror(code) in str(error.value)
    assert server.hits == ["/good"]
    assert not tree(tmp_path)


def test_file_in_place_of_the_data_folder(monkeypatch, server, tmp_path):
    server.bodies = {"/good": GOOD, "/second": GOOD}
    both = [datasets.Source(f"{server.url}/{name}") for name in ("good", "second")]
    with_sources(monkeypatch, *both)
    (tmp_path / "data").write_text("a file")
    with pytest.raises(saving.DiskError, match=str(tmp_path / "data")):
        download.get("DRIVE", tmp_path / "data", say=quiet)
    assert server.hits == ["/good"]
    assert tree(tmp_path) == {"data": b"a file"}


def test_ctrl_c_in_a_fetch_leaves_nothing(monkeypatch, tmp_path):
    def interrupted(source, part, limit, say):
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    with_sources(monkeypatch, datasets.Source("http://127.0.0.1/a.zip"))
    monkeypatch.setattr(fetch, "_from_address", interrupted)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        download.get("DRIVE", tmp_path / "data", say=quiet)
    assert not list(tmp_path.iterdir())


def test_two_processes_at_once_in_one_folder(server, tmp_path):
    server.bodies["/good"] = GOOD
    digests = {f: hashlib.sha256(body).hexdigest() for f, body in FILES.items()}
    code = (
        "import dataclasses, json, sys; from helpers import datasets, download\n"
        "files, source = json.loads(sys.argv[1]), datasets.Source(sys.argv[2])\n"
        "datasets.manifest = lambda name: files\n"
        "changed = dataclasses.replace(datasets.DATASETS['DRIVE'], sources=(source,))\n"
        "datasets.DATASETS['DRIVE'] = changed\n"
        "assert download.get('DRIVE', sys.argv[3]) == 'complete'\n"
    )
    arguments = [json.dumps(digests), f"{server.url}/both", str(tmp_path)]
    command = [sys.executable, "-c", code, *arguments]
    both = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert server.hits == ["/both", "/both"]
    assert tree(tmp_path / "DRIVE") == FILES


# Copies that others have changed: known by name and shape.


def picture(kind, form, size=(12, 10), seed=0):
    """Return an image file: a photograph, or a label with two values."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    if kind == "label":
        pixels = (pixels[..., 0] > 200).astype(np.uint8) * 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def as_png(body):
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(body)) as image:
        image.save(buffer, "png")
    return buffer.getvalue()


def small(monkeypatch, name, files, stacks=None, sources=(), size=(12, 10)):
    """Let a set be these files, of 12 x 10 pixels, and no others."""
    digests = {f: hashlib.sha256(body).hexdigest() for f, body in files.items()}
    monkeypatch.setattr(datasets, "manifest", lambda _: digests)
    facts = {"size": size, "stacks": stacks, "sources": sources}
    changed = dataclasses.replace(datasets.DATASETS[name], **facts)
    monkeypatch.setitem(datasets.DATASETS, name, changed)
    return files


@pytest.fixture
def eyes(monkeypatch):
    """Let DRIVE be nine small but true images."""
    kinds = {name: "photo" if "images" in name else "label" for name in FILES}
    forms = {name: "tiff" if name.endswith("tif") else "gif" for name in FILES}
    files = {f: picture(kinds[f], forms[f], seed=i) for i, f in enumerate(FILES)}
    return small(monkeypatch, "DRIVE", files)


def test_mangled_copy_names_exactly_the_damaged_files(eyes, tmp_path):
    first, swapped, cut, converted = TRAINING[0], TEST[0], LABELS[0], TEST[1]
    mangled = {
        f"my copy/{i}/{Path(f).name}": body for i, (f, body) in enumerate(eyes.items())
    }
    place = {Path(member).name: member for member in mangled}
    mangled[place[Path(swapped).name]] = eyes[first]
    mangled[place[Path(cut).name]] = eyes[cut][:-30]
    del mangled[place[Path(converted).name]]
    mangled["png/02_TEST.PNG"] = as_png(eyes[converted])
    mangled |= {"notes.txt": b"x", "01_test_prob.png": as_png(eyes[first])}
    said, data = [], tmp_path / "data"
    in_folder(tmp_path / "source", mangled)
    with pytest.raises(ValueError, match="2 of the files.*damaged") as error:
        download.get("DRIVE", data, source=tmp_path / "source", say=said.append)
    text = str(error.value)
    assert f"{place[Path(swapped).name]}: the bytes of another file" in text
    assert f"{place[Path(cut).name]}: not whole" in text
    assert "6 files of DRIVE are verified, 1 not verified, 2 lacking" in text
    warned = [line for line in said if "WARNING" in line]
    assert len(warned) == 1 and "not verified" in warned[0]
    assert f"{converted} (from png/02_TEST.PNG)" in warned[0]
    whole = {f: body for f, body in eyes.items() if f not in (swapped, cut, converted)}
    assert tree(data / "DRIVE") == whole | {converted: mangled["png/02_TEST.PNG"]}


def test_converted_copy_comes_in_with_a_warning_and_originals_replace_it(
    eyes, tmp_path
):
    pngs = {f"x/{Path(f).stem}.png": as_png(body) for f, body in eyes.items()}
    pngs["x/21_training.png.gz"] = gzip.compress(pngs.pop("x/21_training.png"))
    (tmp_path / "a.zip").write_bytes(zipped(pngs))
    said, data = [], tmp_path / "data"
    source = tmp_path / "a.zip"
    assert download.get("DRIVE", data, source=source, say=said.append) == "not verified"
    assert any("0 of 9 files of DRIVE verified, 9 not verified: " in x for x in said)
    assert len(datasets.verify("DRIVE", data)["differs"]) == 9
    with Image.open(data / "DRIVE" / TRAINING[0]) as image:
        assert image.format == "PNG"
    some = {f: eyes[f] for f in TRAINING}
    in_folder(tmp_path / "originals", some)
    source = tmp_path / "originals"
    assert download.get("DRIVE", data, source=source, say=quiet) == "not verified"
    assert tree(data / "DRIVE").items() >= some.items()
    in_folder(tmp_path / "wrong", {TRAINING[0]: as_png(eyes[TEST[0]])})
    download.get("DRIVE", data, source=tmp_path / "wrong", say=quiet)
    assert tree(data / "DRIVE").items() >= some.items()


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_an_original_elsewhere_wins(eyes, tmp_path, order):
    changed, original = order
    only = {f"{original}/x.bin": eyes[TEST[0]]}
    only[f"{changed}/01_test.png"] = as_png(eyes[TEST[0]])
    only["0/01_test.tif"] = b"broken"
    rest = {f"r/{f}": body for f, body in eyes.items() if f != TEST[0]}
    in_folder(tmp_path / "source", only | rest)
    source = tmp_path / "source"
    assert download.get("DRIVE", tmp_path, source=source, say=quiet) == "complete"


@pytest.mark.parametrize(
    ("file", "body", "flaw"),
    [
        (TEST[0], picture("photo", "png", (12, 11)), "12 x 11, not 12 x 10"),
        (TEST[0], picture("label", "png"), "no photograph"),
        (LABELS[0], picture("photo", "png"), "no label of two values"),
        (LABELS[0], picture("photo", "png")[:-200], "not whole"),
        (LABELS[0], as_png(picture("label", "gif")), None),
    ],
)
def test_what_is_not_taken_by_name(eyes, tmp_path, file, body, flaw):
    name = Path(file).with_suffix(".png").name
    in_folder(tmp_path / "source", {name: body})
    damaged = download.import_from("DRIVE", tmp_path / "source", tmp_path, say=quiet)
    if flaw:
        assert re.fullmatch(rf"{flaw}.* \(for {file}\)", damaged[name])
    assert bool(flaw) == bool(damaged) != (tmp_path / "DRIVE").exists()


def test_public_source_gives_originals_only(monkeypatch, eyes, server, tmp_path):
    server.bodies["/pngs"] = zipped({"01_test.png": as_png(eyes[TEST[0]])})
    with_sources(monkeypatch, datasets.Source(f"{server.url}/pngs"))
    said = []
    with pytest.raises(fetch.DownloadError, match="0 of 9"):
        download.get("DRIVE", tmp_path, say=said.append)
    assert any("not the originals" in line and "01_test.png" in line for line in said)
    assert not tree(tmp_path)


def test_broken_archive_in_a_folder_is_left_out(tmp_path):
    bad = {"a.zip": zipped(FILES)[:90], "b.zip": LOGIN}
    said, source = [], in_folder(tmp_path / "source", FILES | bad)
    (source / "c.zip").mkdir()
    first = min(FILES)
    (source / "z.tar.gz").write_bytes(tarred({first: FILES[first]}))
    (source / first).unlink()
    assert download.import_from("DRIVE", source, tmp_path, say=said.append) == {}
    assert tree(tmp_path / "DRIVE") == FILES
    assert [re.search(r"\w\.zip", line)[0] for line in said] == ["a.zip", "b.zip"]


def test_folder_tells_which_of_two_is_broken(monkeypatch, tmp_path):
    photo, label = picture("photo", "jpeg"), picture("label", "tiff")
    small(monkeypatch, "HRF", {"images/01_dr.JPG": photo, "manual1/01_dr.tif": label})
    cut = {"x/manual1/01_dr.png": as_png(label)[:60], "x/01_dr.png": as_png(photo)[:60]}
    source = in_folder(tmp_path / "s", cut)
    assert download.import_from("HRF", source, tmp_path, say=quiet) == {
        "x/01_dr.png": "not whole, or no image (for images/01_dr.JPG or "
        "manual1/01_dr.tif)",
        "x/manual1/01_dr.png": "not whole, or no image (for manual1/01_dr.tif)",
    }


@pytest.mark.parametrize("folders", [("images", "manual1"), ("p", "q"), ("x", "x/y")])
def test_folder_or_content_tells_photograph_from_label(monkeypatch, tmp_path, folders):
    files = small(
        monkeypatch,
        "HRF",
        {
            "images/01_dr.JPG": picture("photo", "jpeg"),
            "manual1/01_dr.tif": picture("label", "tiff"),
            "mask/01_dr_mask.tif": picture("label", "tiff", seed=1),
        },
    )
    names = [f"{folder}/01_dr.png" for folder in folders] + ["m/01_DR_mask.png"]
    bodies = [as_png(body) for body in files.values()]
    source = in_folder(tmp_path / "source", dict(zip(names, bodies, strict=True)))
    assert download.get("HRF", tmp_path, source=source, say=quiet) == "not verified"
    assert tree(tmp_path / "HRF") == dict(zip(files, bodies, strict=True))


def test_originals_of_two_files_with_one_stem_are_not_called_damaged(
    monkeypatch, tmp_path
):
    photo, label = picture("photo", "jpeg"), picture("label", "tiff")
    small(monkeypatch, "HRF", {"images/01_dr.JPG": photo, "manual1/01_dr.tif": label})
    source = in_folder(tmp_path / "s", {"a/01_dr.jpg": photo, "b/01_dr.jpg": photo})
    assert download.import_from("HRF", source, tmp_path, say=quiet) == {}


def test_gzipped_files_at_the_root_of_the_official_tars(monkeypatch, server, tmp_path):
    files = {
        "images/im0001.ppm": picture("photo", "ppm"),
        "labels-ah/im0001.ah.ppm": picture("label", "ppm"),
    }
    for name, file in zip(("/im.tar", "/ah.tar"), files, strict=True):
        member = Path(file).name + ".gz"
        server.bodies[name] = tarred({member: gzip.compress(files[file])}, "w")
    sources = tuple(
        datasets.Source(server.url + name, (file.rpartition("/")[0] + "/",))
        for name, file in zip(server.bodies, files, strict=True)
    )
    small(monkeypatch, "STARE", files, sources=sources)
    assert download.get("STARE", tmp_path, say=quiet) == "complete"
    assert tree(tmp_path / "STARE") == files
    (tmp_path / "STARE/labels-ah/im0001.ah.ppm").unlink()
    server.hits.clear()
    assert download.get("STARE", tmp_path, say=quiet) == "complete"
    assert server.hits == ["/ah.tar"]


@pytest.fixture
def cells(monkeypatch, server):
    """Let ISBI2012_EM be two slices, or two small stacks on the server."""
    slices = {
        "train/image/0.png": picture("photo", "png"),
        "train/label/0.png": picture("label", "png"),
    }
    stacks = {"train-volume.tif": b"volume", "train-labels.tif": b"labels"}
    ids = {
        f: hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
        for f, body in stacks.items()
    }
    server.bodies = {f"/w/{f}": body for f, body in stacks.items()}
    small(
        monkeypatch, "ISBI2012_EM", slices, ids, (datasets.Source(f"{server.url}/w/"),)
    )
    return slices, stacks


def test_cells_are_fetched_as_stacks(cells, server, tmp_path):
    said = []
    assert download.get("ISBI2012_EM", tmp_path, say=said.append) == "complete"
    assert server.hits == ["/w/train-volume.tif", "/w/train-labels.tif"]
    assert tree(tmp_path / "ISBI2012_EM") == cells[1]
    assert "2 of 2 files of ISBI2012_EM verified" in said[-1]
    server.hits.clear()
    assert download.get("ISBI2012_EM", tmp_path, say=quiet) == "complete"
    assert not server.hits


@pytest.mark.parametrize("form", [0, 1])
def test_cells_are_complete_in_either_form(cells, server, tmp_path, form):
    source = in_folder(
        tmp_path / "s", {f"x{i}": b for i, b in enumerate(cells[form].values())}
    )
    said = []
    state = download.get("ISBI2012_EM", tmp_path, source=source, say=said.append)
    assert state == "complete"
    assert tree(tmp_path / "ISBI2012_EM") == cells[form]
    assert any("images: 21 train, 3 val, 6 test" in line for line in said)
    assert not any("field of view" in line for line in said)


def test_one_lacking_slice_is_named(cells, server, tmp_path):
    server.bodies.clear()
    in_folder(tmp_path / "ISBI2012_EM", dict(list(cells[0].items())[:1]))
    with pytest.raises(fetch.DownloadError, match=r"1 of 2.*are train/label/0\.png"):
        download.get("ISBI2012_EM", tmp_path, say=quiet)


def test_facts_come_before_the_first_byte(sources, tmp_path):
    said = []
    download.get("DRIVE", tmp_path, say=said.append)
    text = "\n".join(said[: said.index(f"Fetching from {sources.url}/training.zip")])
    assert "field of view: published; second observer: in test\n" in text
    assert "images: 16 train, 4 val, 20 test" in text


@pytest.mark.parametrize("name", ["DRIVE"])
def test_real_mangled_copy(tmp_path, name):
    place = Path(os.environ.get("FUNDUS_DATA") or tmp_path / "none") / name
    files = datasets.manifest(name)
    if not all((place / file).is_file() for file in files):
        pytest.skip(f"FUNDUS_DATA names no folder with a complete {name}")
    bodies = {file: (place / file).read_bytes() for file in files}
    cut, swapped, lost = "05_test.tif", "22_training.tif", "01_manual1.gif"
    mangled = {f"DRIVE_new/{Path(f).name}": body for f, body in bodies.items()}
    mangled[f"DRIVE_new/{cut}"] = bodies[f"test/images/{cut}"][:-5000]
    mangled[f"DRIVE_new/{swapped}"] = mangled["DRIVE_new/23_training.tif"]
    png = as_png(mangled.pop(f"DRIVE_new/{lost}"))
    mangled |= {"more/01_manual1.PNG": png, "more/readme.txt": b"x", "more/1.png": png}
    said, data = [], tmp_path / "data"
    in_folder(tmp_path / "s", mangled)
    with pytest.raises(ValueError, match="2 of the files") as error:
        download.get(name, data, source=tmp_path / "s", say=said.append)
    assert f"DRIVE_new/{cut}: not whole" in str(error.value)
    assert f"DRIVE_new/{swapped}: the bytes of another file" in str(error.value)
    assert "137 files of DRIVE are verified, 1 not verified, 2 lac" in str(error.value)
    differs = datasets.verify(name, data)
    assert differs["differs"] == ["test/1st_manual/01_manual1.gif"]
    assert (fundus.load_one(name, "01", data).vessels).sum() > 1000


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_shell_wrapper_passes_its_arguments_on(tmp_path):
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "python3"
    fake.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    fake.chmod(0o755)
    path = f"{fake.parent}{os.pathsep}{os.environ['PATH']}"
    script = ROOT / "data_download.sh"
    done = subprocess.run(
        ["bash", script, "DRIVE", "--from", "a b.zip"],
        env={**os.environ, "PATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{ROOT / 'helpers'}|data|DRIVE|--from|a b.zip|"
