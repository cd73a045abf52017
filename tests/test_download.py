"""Fetching and importing data sets, on a server on this machine and made-up files."""

import dataclasses
import hashlib
import http.server
import inspect
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import types
import urllib.parse
import zipfile
from pathlib import Path

import pytest

from helpers import download, fundus

ROOT = Path(__file__).resolve().parent.parent
BODY = b"PK" + bytes(range(256)) * 1200
SHA = hashlib.sha256(BODY).hexdigest()
QUOTA = b"<!DOCTYPE html><title>Google Drive - Quota exceeded</title><p>Too many users"
LOGIN = b"\n<html><head><title>Sign in</title></head></html>"

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


def quiet(_):
    pass


def with_sources(monkeypatch, *sources):
    """Give DRIVE these public sources and no others."""
    changed = dataclasses.replace(fundus.DATASETS["DRIVE"], sources=sources)
    monkeypatch.setitem(fundus.DATASETS, "DRIVE", changed)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """No address outside this machine resolves, with or without a network."""
    real = socket.getaddrinfo

    def only_here(host, *args, **kwargs):
        if host not in ("127.0.0.1", "localhost", None):
            raise socket.gaierror(-2, "Name or service not known")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(autouse=True)
def small_set(request, monkeypatch):
    """Let the manifest be the one of the made-up set, but for tests marked real."""
    if "real" not in request.node.name:
        digests = {f: hashlib.sha256(body).hexdigest() for f, body in FILES.items()}
        monkeypatch.setattr(
            fundus, "manifest", lambda name: digests if name == "DRIVE" else {}
        )
        with_sources(monkeypatch)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        path = urllib.parse.unquote(self.path)
        self.server.hits.append(path)
        if path == "/drip":
            return self.drip()
        body = {"/ok": BODY, "/cut": BODY, "/quota": QUOTA, "/login": LOGIN} | {
            "/wrong": BODY[::-1],
            **self.server.bodies,
        }
        if path not in body:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body[path])))
        self.end_headers()
        self.wfile.write(body[path][: 1000 if path == "/cut" else None])

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(200):  # 10 seconds, far more than any test allows
            try:
                self.wfile.write(b"x")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)


@pytest.fixture
def server():
    """Serve ``server.bodies`` at ``server.url``; ``server.hits`` are the requests."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.bodies, server.hits = {}, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def refused():
    """Return an address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/a.zip"


def in_folder(folder, files=FILES):
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def tarred(files, mode="w:gz", link=None):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
        if link:
            member = tarfile.TarInfo("link")
            member.type, member.linkname = link, "/etc/passwd"
            archive.addfile(member)
    return buffer.getvalue()


def tree(folder):
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def fake_gdown(monkeypatch, folder, body):
    """Put a gdown before the real one for the process that download starts."""
    (folder / "fake").mkdir()
    (folder / "fake" / "gdown.py").write_text(
        f"import time\ndef download(*, id, output, quiet):\n    {body}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder / "fake"))


# Fetching one file.


@pytest.mark.parametrize("bad", ["404", "cut", "quota", "login", "wrong"])
def test_fetch_falls_through_to_the_next_source(server, tmp_path, bad):
    sources = [f"{server.url}/{bad}", f"{server.url}/ok"]
    place = tmp_path / "d" / "a.zip"
    assert download.fetch(place, sources, SHA, say=quiet) == place
    assert server.hits == [f"/{bad}", "/ok"]
    assert tree(tmp_path) == {"d/a.zip": BODY}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("404", "404"),
        ("cut", f"cut off after 1000 of {len(BODY)} bytes"),
        ("quota", r'web page.*"Google Drive - Quota exceeded".*quota is used up'),
        ("login", r'web page.*"Sign in".*login'),
        ("wrong", "wrong bytes"),
    ],
)
def test_fetch_names_the_reason_and_the_place_by_hand(server, tmp_path, bad, words):
    place = tmp_path / "a.zip"
    with pytest.raises(download.DownloadError, match=words) as error:
        download.fetch(place, [f"{server.url}/{bad}"], SHA, say=quiet)
    assert f"put it at {place}" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_web_page_is_refused_where_no_sha256_is_known(server, tmp_path):
    with pytest.raises(download.DownloadError, match="web page"):
        download.fetch(tmp_path / "a", [f"{server.url}/quota"], None, say=quiet)
    assert not list(tmp_path.iterdir())
    download.fetch(tmp_path / "a", [f"{server.url}/wrong"], None, say=quiet)


def test_no_network_is_quick_and_clear(refused, tmp_path):
    start = time.monotonic()
    with pytest.raises(download.DownloadError) as error:
        sources = ["https://name.invalid/a.zip", refused]
        download.fetch(tmp_path / "a.zip", sources, SHA, say=quiet)
    assert time.monotonic() - start < 2
    assert "name.invalid/a.zip: its name cannot be looked up" in str(error.value)
    assert "refused" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_slow_drip_ends_at_the_time_limit(server, tmp_path):
    start = time.monotonic()
    with pytest.raises(
        download.DownloadError, match=r"only \d+ bytes came in 0.3 seconds"
    ):
        download.fetch(tmp_path / "a", [f"{server.url}/drip"], None, 0.3, quiet)
    assert time.monotonic() - start < 3
    assert not list(tmp_path.iterdir())


def test_file_address_and_file_that_is_there(server, tmp_path):
    folder = tmp_path / "my 眼底 data"
    folder.mkdir()
    (folder / "源.zip").write_bytes(BODY)
    place = download.fetch(folder / "a.zip", [(folder / "源.zip").as_uri()], SHA)
    assert place.read_bytes() == BODY
    download.fetch(place, [f"{server.url}/ok"], SHA, say=quiet)
    assert not server.hits
    place.write_bytes(b"half")
    download.fetch(place, [f"{server.url}/ok"], SHA, say=quiet)
    assert place.read_bytes() == BODY


def test_address_with_spaces_and_chinese(server, tmp_path):
    server.bodies["/眼 底.zip"] = BODY
    download.fetch(tmp_path / "a", [f"{server.url}/眼 底.zip"], SHA, say=quiet)
    assert server.hits == ["/眼 底.zip"]


@pytest.mark.parametrize("source", ["ftp://host/a", "a.zip", "data:text/plain,a"])
def test_other_schemes_are_refused(tmp_path, source):
    with pytest.raises(download.DownloadError, match="must begin with https"):
        download.fetch(tmp_path / "a", [source], None, say=quiet)


def test_google_drive_goes_through_gdown(monkeypatch, tmp_path):
    fake_gdown(monkeypatch, tmp_path, f"open(output, 'wb').write({BODY!r}); return id")
    place = download.fetch(tmp_path / "d" / "a", ["gdrive:ABC"], SHA, say=quiet)
    assert tree(place.parent) == {"a": BODY}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"open(output, 'wb').write({QUOTA!r}); return output", "quota is used up"),
        ("raise ValueError('Too many users\\n  have viewed')", "Too many users have"),
        ("return None", "gdown gave no file"),
        ("open(output + 'x.part', 'w'); time.sleep(30)", "not done in 0.5 seconds"),
    ],
)
def test_google_drive_failures(monkeypatch, tmp_path, body, words):
    fake_gdown(monkeypatch, tmp_path, body)
    start = time.monotonic()
    with pytest.raises(download.DownloadError, match=words):
        download.fetch(tmp_path / "d" / "a", ["gdrive:ABC"], SHA, 0.5, quiet)
    assert time.monotonic() - start < 5
    assert not tree(tmp_path / "d")


def test_gdown_still_has_the_keywords():
    gdown = pytest.importorskip("gdown", reason="gdown is not installed")
    assert {"id", "output", "quiet"} <= set(
        inspect.signature(gdown.download).parameters
    )


def test_progress_says_size_and_speed(monkeypatch):
    clock = types.SimpleNamespace(monotonic=iter([0, 2, 4, 5, 8]).__next__)
    monkeypatch.setattr(download, "time", clock)
    said = []
    progress = download._Progress("a.zip", said.append)
    for done in (1, 2, 3, 4):
        progress(done * 10**6, 10**7)
    assert said == [
        "  a.zip: 2.0 of 10.0 MB, 0.50 MB/s",
        "  a.zip: 4.0 of 10.0 MB, 0.50 MB/s",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_in_the_middle_leaves_nothing(server, tmp_path):
    code = (
        "import signal, sys; from helpers import download\n"
        # a job in the background inherits that Ctrl-C is ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try: download.fetch(sys.argv[1], [sys.argv[2]], None)\n"
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
    assert fundus.verify("DRIVE", data) == {"missing": [], "differs": []}


def test_files_are_known_by_content_whatever_their_name(tmp_path):
    renamed = {f"x/{i}.bin": body for i, body in enumerate(FILES.values())}
    in_folder(tmp_path / "source", renamed)
    download.import_from("DRIVE", tmp_path / "source", tmp_path, say=quiet)
    assert tree(tmp_path / "DRIVE") == FILES


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


def test_one_swapped_file_is_named_and_not_taken(tmp_path):
    swapped = {**FILES, TEST[0]: FILES[TEST[1]], LABELS[0]: b"other bytes"}
    in_folder(tmp_path / "source", swapped)
    others = download.import_from("DRIVE", tmp_path / "source", tmp_path, say=quiet)
    assert others == {TEST[0]: TEST[0], LABELS[0]: LABELS[0]}
    assert fundus.verify("DRIVE", tmp_path)["differs"] == []
    with pytest.raises(ValueError, match=f"2 of the files.*{LABELS[0]}") as error:
        download.get("DRIVE", tmp_path, source=tmp_path / "source", say=quiet)
    assert TEST[0] in str(error.value)
    assert TEST[1] not in str(error.value)


def test_a_file_is_known_by_its_bare_name_too(tmp_path):
    in_folder(tmp_path / "source", {"flat/01_MANUAL1.gif": b"other bytes"})
    others = download.import_from("DRIVE", tmp_path / "source", tmp_path, say=quiet)
    assert others == {LABELS[0]: "flat/01_MANUAL1.gif"}
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
    assert others == {LABELS[0]: LABELS[0]}
    assert tree(tmp_path / "DRIVE") == OFFICIAL
    with pytest.raises(download.DownloadError, match="refused"):
        download.import_from("DRIVE", refused + "/", tmp_path / "b", say=quiet)
    with pytest.raises(ValueError, match="holds no file of DRIVE"):
        download.import_from("DRIVE", f"{server.url}/x/", tmp_path / "b", say=quiet)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (zipped({"a": b"1", "../evil": b"2"}), r"'\.\./evil' leads out of the archive"),
        (zipped({"/etc/evil": b"2"}), "'/etc/evil' leads out"),
        (zipped({"a\\..\\..\\evil": b"2"}), "leads out"),
        (zipped({"C:/evil": b"2"}), "leads out"),
        (tarred({"a/../../evil": b"2"}), "leads out"),
        (tarred({}, link=tarfile.SYMTYPE), "'link' is a link"),
        (tarred({}, link=tarfile.LNKTYPE), "'link' is a link"),
        (zipped({**FILES, "bomb": bytes(2000)}), "'bomb' is too large"),
        (tarred({**FILES, "bomb": bytes(2000)}), "'bomb' is too large"),
        (zipped({**FILES, "a": bytes(900), "b": bytes(900)}), "'b' is too large"),
        (zipped(FILES)[:-40], "cannot be unpacked.*cut off"),
        (zipped(FILES)[:90], "cannot be unpacked.*cut off"),
        (tarred(FILES)[:-40], "cannot be unpacked.*cut off"),
        (LOGIN, r'a web page, not the file \(title "Sign in"\)'),
        (QUOTA, "quota is used up"),
        (b"", "cannot be unpacked"),
        (b"Rar!\x1a\x07 and so on", "is no zip or tar"),
    ],
)
def test_bad_archives_are_refused(monkeypatch, tmp_path, body, words):
    monkeypatch.setattr(fundus, "MAX_FILE", 1000)
    monkeypatch.setattr(download, "MAX_TOTAL", 1500)
    (tmp_path / "a.zip").write_bytes(body)
    with pytest.raises(ValueError, match=words) as error:
        download.get("DRIVE", tmp_path / "d", source=tmp_path / "a.zip", say=quiet)
    assert "a.zip" in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_link_in_a_zip_is_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ValueError, match="'link' is a link"):
        download.import_from("DRIVE", tmp_path / "a.zip", tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_zip_with_a_password(tmp_path):
    body = bytearray(zipped({"a": b"1"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(signature) + offset] |= 1
    (tmp_path / "a.zip").write_bytes(body)
    with pytest.raises(ValueError, match="password"):
        download.import_from("DRIVE", tmp_path / "a.zip", tmp_path / "d")


def test_source_that_is_not_there_or_is_another_set(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.zip does not exist; give"):
        download.import_from("DRIVE", tmp_path / "nothing.zip", tmp_path)
    in_folder(tmp_path / "cats", {"cat.jpg": b"meow"})
    with pytest.raises(ValueError, match="holds no file of DRIVE"):
        download.import_from("DRIVE", tmp_path / "cats", tmp_path)
    assert not (tmp_path / "DRIVE").exists()


def test_ctrl_c_in_an_import_leaves_whole_files_only(monkeypatch, tmp_path):
    in_folder(tmp_path / "source")
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
    in_folder(tmp_path / "source")
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(OSError, match=r"cannot be written .*; make room, or name"):
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
        fundus.Source(
            server.url + "/training.zip", ("training/",), digests["/training.zip"]
        ),
        fundus.Source(
            server.url + "/test.zip",
            ("test/images/", "test/mask/"),
            digests["/test.zip"],
        ),
        fundus.Source(server.url + "/full", covered=False),
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
    dataset = fundus.DATASETS["DRIVE"]
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
    with pytest.raises(download.DownloadError, match="0 of 9 files") as error:
        download.get("DRIVE", tmp_path, say=said.append)
    for part in ("by hand at https://drive", "--from FILE_OR_FOLDER", "--accept-terms"):
        assert part in str(error.value)
    assert sum(re.search(r"\b404\b", line) is not None for line in said) == 2
    assert not list(tmp_path.iterdir())


def test_official_archive_with_another_sha256_is_not_opened(sources, tmp_path):
    sources.bodies["/test.zip"] = zipped({f: FILES[f] for f in TEST} | {"new": b"1"})
    said = []
    with pytest.raises(download.DownloadError, match="3 of 9 files"):
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
    with pytest.raises(download.DownloadError, match=LABELS[1]):
        download.get("DRIVE", tmp_path, say=quiet)


def test_unknown_and_drawn_sets(tmp_path):
    with pytest.raises(ValueError, match="PHANTOM is drawn, not fetched"):
        download.get("PHANTOM", tmp_path, say=quiet)
    assert not list(tmp_path.iterdir())


def test_real_manifests_and_sources_fit_together():
    for name, num_files, num_published in (("DRIVE", 140, 100), ("CHASEDB1", 84, 84)):
        files = fundus.manifest(name)
        assert len(set(files.values())) == len(files) == num_files
        assert all(len(digest) == 64 for digest in files.values())
        sources = fundus.DATASETS[name].sources
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
    files = fundus.manifest(name)
    if not all((place / file).is_file() for file in files):
        pytest.skip(f"FUNDUS_DATA names no folder with a complete {name}")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i, file in enumerate(files):
            archive.write(place / file, f"folder/{i}")
    data = tmp_path / "data"
    assert download.get(name, data, source=tmp_path / "a.zip", say=quiet) == "complete"
    assert fundus.verify(name, data) == {"missing": [], "differs": []}


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
