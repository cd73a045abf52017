"""One file from a server on this machine; folders, archives and traps."""

import gzip
import inspect
import os
import signal
import subprocess
import sys
import time
import tracemalloc
import types
from pathlib import Path

import loopback
import pytest

from helpers import datasets, fetch, saving

pytestmark = pytest.mark.usefixtures("no_network")
ROOT = Path(__file__).resolve().parent.parent
FILES = {"a/1.tif": b"bytes of 1", "a/2.gif": b"bytes of 2", "b/1.tif": b"others"}


def get(path, sources, sha256, limit=20):
    return fetch.fetch(path, sources, sha256, limit, loopback.quiet)


def read(source, scratch, wanted=(), say=loopback.quiet, sha256=None):
    return dict(fetch.contents(str(source), wanted, sha256, scratch, say))


# One file.


@pytest.mark.parametrize("bad", ["404", "cut", "quota", "login", "wrong"])
def test_fetch_falls_through_to_the_next_source(server, tmp_path, bad):
    sources = [f"{server.url}/{bad}", f"{server.url}/ok"]
    place = tmp_path / "d" / "a.zip"
    assert get(place, sources, loopback.SHA) == place
    assert server.hits == [f"/{bad}", "/ok"]
    assert loopback.tree(tmp_path) == {"d/a.zip": loopback.BODY}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("404", "404"),
        ("cut", f"cut off after 1000 of {len(loopback.BODY)} bytes"),
        ("quota", r'web page.*"Google Drive - Quota exceeded".*quota is used up'),
        ("login", r'web page.*"Sign in".*login'),
        ("wrong", "wrong bytes"),
    ],
)
def test_fetch_names_the_reason_and_the_place_by_hand(server, tmp_path, bad, words):
    place = tmp_path / "a.zip"
    with pytest.raises(fetch.DownloadError, match=words) as error:
        get(place, [f"{server.url}/{bad}"], loopback.SHA)
    assert "Save the file with a browser" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_servers_words_reach_no_terminal_as_orders(server, tmp_path):
    bell = "\x1b]0;owned\x07"
    server.bodies["/page"] = f"<html><title>{bell}Sign in</title></html>".encode()
    server.headers = {"Retry-After": f"{bell}tomorrow"}
    sources = [f"{server.url}/page", f"{server.url}/429"]
    with pytest.raises(fetch.DownloadError) as error:
        get(tmp_path / "a", sources, None)
    said = str(error.value)
    assert "?]0;owned?Sign in" in said and "after ?]0;owned?tomorrow" in said
    assert all(line.isprintable() for line in said.splitlines())


def test_names_in_an_archive_reach_no_terminal_as_orders(tmp_path):
    (tmp_path / "a.tar").write_bytes(loopback.tarred({"\x1b[2J眼.tif": b"1"}))
    assert read(tmp_path / "a.tar", tmp_path) == {"?[2J眼.tif": b"1"}


def test_web_page_is_refused_where_no_sha256_is_known(server, tmp_path):
    with pytest.raises(fetch.DownloadError, match="web page"):
        get(tmp_path / "a", [f"{server.url}/quota"], None)
    assert not list(tmp_path.iterdir())
    get(tmp_path / "a", [f"{server.url}/wrong"], None)


def test_no_network_is_quick_and_clear(refused, tmp_path):
    start = time.monotonic()
    with pytest.raises(fetch.DownloadError) as error:
        sources = ["https://name.invalid/a.zip", refused]
        get(tmp_path / "a.zip", sources, loopback.SHA)
    assert time.monotonic() - start < 2
    assert "name.invalid/a.zip: its name cannot be looked up" in str(error.value)
    assert "refused" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_slow_drip_ends_at_the_time_limit(server, tmp_path):
    start = time.monotonic()
    with pytest.raises(
        fetch.DownloadError, match=r"only \d+ bytes came in 0.3 seconds"
    ):
        get(tmp_path / "a", [f"{server.url}/drip"], None, 0.3)
    assert time.monotonic() - start < 3
    assert not list(tmp_path.iterdir())


def test_file_address_and_file_that_is_replaced(server, tmp_path):
    folder = tmp_path / "my 眼底 data"
    folder.mkdir()
    (folder / "源.zip").write_bytes(loopback.BODY)
    place = get(folder / "a.zip", [(folder / "源.zip").as_uri()], loopback.SHA)
    assert place.read_bytes() == loopback.BODY
    place.write_bytes(b"half")
    get(place, [f"{server.url}/ok"], loopback.SHA)
    assert place.read_bytes() == loopback.BODY


def test_address_with_spaces_and_chinese(server, tmp_path):
    server.bodies["/眼 底.zip"] = loopback.BODY
    get(tmp_path / "a", [f"{server.url}/眼 底.zip"], loopback.SHA)
    assert server.hits == ["/眼 底.zip"]


@pytest.mark.parametrize("source", ["ftp://host/a", "a.zip", "data:text/plain,a"])
def test_other_schemes_are_refused(tmp_path, source):
    with pytest.raises(fetch.DownloadError, match="must begin with https"):
        get(tmp_path / "a", [source], None)


def test_google_drive_goes_through_gdown(monkeypatch, tmp_path):
    loopback.fake_gdown(
        monkeypatch, tmp_path, f"open(output, 'wb').write({loopback.BODY!r}); return id"
    )
    place = get(tmp_path / "d" / "a", ["gdrive:ABC"], loopback.SHA)
    assert loopback.tree(place.parent) == {"a": loopback.BODY}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            f"open(output, 'wb').write({loopback.QUOTA!r}); return output",
            "quota is used up",
        ),
        ("raise ValueError('Too many users\\n  have viewed')", "Too many users have"),
        ("return None", "gdown gave no file"),
        ("open(output + 'x.part', 'w'); time.sleep(30)", "not done in 0.3 seconds"),
    ],
)
def test_google_drive_failures(monkeypatch, tmp_path, body, words):
    loopback.fake_gdown(monkeypatch, tmp_path, body)
    start = time.monotonic()
    with pytest.raises(fetch.DownloadError, match=words):
        limit = 0.3 if "sleep" in body else 20
        get(tmp_path / "d" / "a", ["gdrive:ABC"], loopback.SHA, limit)
    assert time.monotonic() - start < 5
    assert not loopback.tree(tmp_path / "d")


def test_gdown_still_has_the_keywords():
    gdown = pytest.importorskip("gdown", reason="gdown is not installed")
    assert {"id", "output", "quiet"} <= set(
        inspect.signature(gdown.download).parameters
    )


def test_progress_says_size_and_speed(monkeypatch):
    clock = types.SimpleNamespace(monotonic=iter([0, 2, 4, 5, 8]).__next__)
    monkeypatch.setattr(fetch, "time", clock)
    said = []
    progress = fetch._Progress("a.zip", said.append)
    for done in (1, 2, 3, 4):
        progress(done * 10**6, 10**7)
    assert said == [
        "  a.zip: 2.0 of 10.0 MB, 0.50 MB/s",
        "  a.zip: 4.0 of 10.0 MB, 0.50 MB/s",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_in_the_middle_leaves_nothing(server, tmp_path):
    code = (
        "import signal, sys; from pathlib import Path; from helpers import fetch\n"
        # a job in the background inherits that Ctrl-C is ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try: fetch.fetch(Path(sys.argv[1]), [sys.argv[2]], None, 60, print)\n"
        "except KeyboardInterrupt: sys.exit(7)"
    )
    place = tmp_path / "a.zip"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(place), f"{server.url}/drip"], cwd=ROOT
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 7
    assert not list(tmp_path.iterdir())


def test_disk_full_in_the_process_of_gdown(monkeypatch, tmp_path):
    loopback.fake_gdown(
        monkeypatch, tmp_path, "raise OSError(28, 'No space left on device')"
    )
    with pytest.raises(saving.DiskError, match="No space left"):
        get(tmp_path / "d" / "a", ["gdrive:A", "gdrive:B"], loopback.SHA)


# All files of a source.


@pytest.mark.parametrize("form", ["folder", "zip", "tar", "tar.gz", "file", "http"])
def test_every_form_of_source(server, tmp_path, form):
    source = tmp_path / "来 源"
    if form == "folder":
        loopback.in_folder(source, FILES)
    elif form.startswith("tar"):
        source.write_bytes(loopback.tarred(FILES, "w:gz" if form == "tar.gz" else "w"))
    else:
        source.write_bytes(loopback.zipped(FILES))
    server.bodies["/a.zip"] = loopback.zipped(FILES)
    address = {"file": source.as_uri(), "http": f"{server.url}/a.zip"}.get(form, source)
    assert read(address, tmp_path) == FILES


def test_fetched_archive_with_another_sha256_is_not_opened(server, tmp_path):
    server.bodies["/a.zip"] = loopback.zipped(FILES)
    with pytest.raises(fetch.DownloadError, match="wrong bytes"):
        read(f"{server.url}/a.zip", tmp_path, sha256=loopback.SHA)


def test_archives_and_gzipped_files_inside(tmp_path):
    parts = {
        "x/b.zip": loopback.zipped({"1": b"1"}),
        "x/c.TGZ": loopback.tarred({"2": b"2"}),
        "x/3.ppm.gz": gzip.compress(b"3"),
        "x/cut.gz": gzip.compress(b"4" * 99)[:20],
    }
    (tmp_path / "a.zip").write_bytes(loopback.zipped(parts))
    inside = {"1": b"1", "2": b"2", "x/3.ppm.gz": b"3"}
    inside["x/cut.gz"] = parts["x/cut.gz"]
    for source in (tmp_path / "a.zip", loopback.in_folder(tmp_path / "folder", parts)):
        assert read(source, tmp_path) == inside


def test_archive_in_an_archive_is_not_held_to_the_size_of_one_file(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(datasets, "MAX_FILE", 30_000)
    files = {name: bytes(9000) for name in "1234"}
    (tmp_path / "a.zip").write_bytes(
        loopback.zipped({"b.tar.gz": loopback.tarred(files)})
    )
    assert read(tmp_path / "a.zip", tmp_path) == files


def test_web_folder_is_asked_for_what_is_wanted(server, tmp_path):
    server.bodies |= {f"/x/{name}": body for name, body in FILES.items()}
    wanted = ["a/1.tif", "not there.gif", "b/1.tif"]
    found = read(f"{server.url}/x/", tmp_path, wanted)
    assert found == {name: FILES[name] for name in ("a/1.tif", "b/1.tif")}
    assert server.hits == [f"/x/{name}" for name in wanted]


def test_web_folder_that_fails_is_not_taken_for_an_empty_one(server, refused, tmp_path):
    for address, word in ((f"{server.url}/", "HTTP Error 429"), (refused, "refused")):
        folder, _, name = address.rpartition("/")
        with pytest.raises(fetch.DownloadError, match=word):
            read(folder + "/", tmp_path, [name or "429", "a"])
    assert server.hits == ["/429"]


def test_broken_archive_in_a_folder_is_left_out(tmp_path):
    bad = {"a.zip": loopback.zipped(FILES)[:90], "b.zip": loopback.LOGIN}
    said, source = [], loopback.in_folder(tmp_path / "source", FILES | bad)
    (source / "c.zip").mkdir()
    assert read(source, tmp_path, say=said.append) == FILES
    assert ["a.zip" in said[0], "b.zip" in said[1], len(said)] == [True, True, 2]


def test_source_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.zip does not exist; give"):
        read(tmp_path / "nothing.zip", tmp_path)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (loopback.zipped({**FILES, "bomb": bytes(2000)}), "'bomb' it is too large"),
        (loopback.tarred({**FILES, "bomb": bytes(2000)}), "'bomb' it is too large"),
        (
            loopback.zipped({**FILES, "a": bytes(900), "b": bytes(900)}),
            "'b' it is too large.*1,500",
        ),
        (loopback.zipped(FILES)[:-40], "cannot be unpacked.*cut off"),
        (loopback.zipped(FILES)[:90], "cannot be unpacked.*cut off"),
        (loopback.tarred(FILES)[:-40], "cannot be unpacked.*cut off"),
        (loopback.LOGIN, r'a web page, not the file \(title "Sign in"\)'),
        (loopback.QUOTA, "quota is used up"),
        (b"", "cannot be unpacked"),
        (b"Rar!\x1a\x07 and so on", "is no zip or tar"),
    ],
)
def test_bad_archives_are_refused(monkeypatch, tmp_path, body, words):
    monkeypatch.setattr(datasets, "MAX_FILE", 1000)
    monkeypatch.setattr(fetch, "MAX_TOTAL", 1500)
    (tmp_path / "a.zip").write_bytes(body)
    with pytest.raises(ValueError, match=words) as error:
        read(tmp_path / "a.zip", tmp_path)
    assert "a.zip" in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_links_and_names_that_lead_out_do_not_matter(tmp_path):
    body = {"/abs/1.tif": b"1", "../../2.tif": b"2", "C:\\3.tif": b"3"}
    for archive in (
        loopback.tarred(body, links=True),
        loopback.zipped(body, links=True),
    ):
        (tmp_path / "archive").write_bytes(archive)
        assert read(tmp_path / "archive", tmp_path) == body
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_zip_with_a_password(tmp_path):
    body = bytearray(loopback.zipped({"a": b"1"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(signature) + offset] |= 1
    (tmp_path / "a.zip").write_bytes(body)
    with pytest.raises(ValueError, match="password"):
        read(tmp_path / "a.zip", tmp_path)


@pytest.fixture
def measured():
    """Return a function that gives the peak of memory, in bytes, since the start."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (loopback.lying_zip(9_000_000), "cannot be unpacked"),
        (loopback.zipped({"bomb": bytes(9_000_000)}), "too large"),
        (loopback.tarred({"bomb": bytes(9_000_000)}), "too large"),
        (loopback.zipped({"a.gz": gzip.compress(bytes(9_000_000))}), "too large"),
        (loopback.long_name(9_000_000), "too large"),
    ],
    ids=["lying zip", "zip", "tar", "gzipped", "name"],
)
def test_a_bomb_is_not_held_in_memory(monkeypatch, tmp_path, measured, body, words):
    monkeypatch.setattr(datasets, "MAX_FILE", 100_000)
    (tmp_path / "a.zip").write_bytes(body)
    with pytest.raises(ValueError, match=words) as error:
        read(tmp_path / "a.zip", tmp_path)
    assert "a.zip" in str(error.value)
    assert measured() < 2_000_000
