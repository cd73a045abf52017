"""The pack on a class's network: whole for all, nothing else reachable, counted."""

import hashlib
import http.client
import re
import socket
import threading
import time
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from loopback import refusing

from helpers import classroom

pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def file(tmp_path) -> Path:
    """Return a pack of 1 MB under a name of its own."""
    (tmp_path / "secret.txt").write_text("marks")
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("helpers/lesson.py", bytes(1 << 20))
        archive.writestr("wheels/torch-2.13.0-cp312-cp312-win_amd64.whl", b"")
        archive.writestr("wheels/torch-2.13.0+cpu-cp311-cp311-manylinux_2_28.whl", b"")
    return tmp_path / "mine.zip"


@pytest.fixture
def lesson(file):
    """Serve the pack; ``url`` is the address and ``said`` what the teacher reads."""
    said = []
    with classroom._Server(file, 0, said.append) as server:
        server.said = said
        server.here = ("127.0.0.1", server.server_address[1])
        server.url = "http://{}:{}".format(*server.here)
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.shutdown()


def get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=20) as answer:
        return answer.read()


def ask(lesson, path: str, method: str = "GET") -> tuple[int, http.client.HTTPMessage]:
    """Ask for a path as it is, which urllib would tidy up."""
    connection = http.client.HTTPConnection(*lesson.here, timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def until(true) -> bool:
    """Wait for what another thread does after the answer."""
    end = time.monotonic() + 20
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_thirty_at_once_get_it_whole(lesson, file):
    address = lesson.url + classroom.NAME
    with ThreadPoolExecutor(30) as pool:
        bodies = list(pool.map(get, [address] * 30))
    assert {hashlib.sha256(x).hexdigest() for x in bodies} == {lesson.digest}
    assert until(lambda: lesson.said == ["1 have it: 127.0.0.1"])


def test_only_whole_downloads_count(lesson):
    with socket.create_connection(lesson.here) as client:
        client.sendall(f"GET {classroom.NAME} HTTP/1.0\r\n\r\n".encode())
        assert client.recv(100)
    get(lesson.url)
    ask(lesson, classroom.NAME, "HEAD")
    get(lesson.url + "/")
    assert not lesson.said and not lesson.have


@pytest.mark.parametrize(
    "path",
    ["/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt", "//mine.zip", "/mine.zip",
     "/fundus-course.zip/../secret.txt", "/helpers/", "/favicon.ico"],
)  # fmt: skip
def test_nothing_else_can_be_reached(lesson, path):
    status, _, body = ask(lesson, path)
    assert status == 404 and b"marks" not in body


def test_head_and_other_methods(lesson, file):
    status, headers, body = ask(lesson, classroom.NAME + "?a=1", "HEAD")
    assert status == 200 and not body
    assert int(headers["Content-Length"]) == file.stat().st_size
    assert "Python" not in headers["Server"]
    assert ask(lesson, classroom.NAME, "POST")[0] == 501


def test_the_page_shows_the_address_that_the_client_came_by(lesson):
    port = lesson.server_address[1]
    request = urllib.request.Request(lesson.url, headers={"Host": "teacher.local:1"})
    page = get(request).decode()
    address = f"http://teacher.local:1/fundus-course.zip#sha256={lesson.digest}"
    assert len(re.findall(re.escape(address), page)) == 4
    assert f'href="{classroom.NAME}"' in page and "解压" in page
    assert "Linux (Python 3.11), Windows (Python 3.12)" in page
    request = urllib.request.Request(lesson.url, headers={"Host": '"><script>'})
    page = get(request).decode()
    assert "<script" not in page and f"http://127.0.0.1:{port}/fundus" in page


def test_what_is_no_pack_is_not_served(tmp_path):
    for name in ("photo.jpg", "other.zip"):
        (tmp_path / name).write_bytes(b"x")
    zipfile.ZipFile(tmp_path / "other.zip", "w").close()
    for name in ("photo.jpg", "other.zip"):
        with pytest.raises(ValueError, match=f"{name} is no pack of the course"):
            classroom.serve(tmp_path / name, 0, str)


def test_a_port_that_is_taken_or_impossible(lesson, file):
    for port in (lesson.server_address[1], 70000):
        with pytest.raises(
            OSError, match=f"port {port} cannot be opened .*--port 8000"
        ):
            classroom.serve(file, port, str)


@pytest.mark.parametrize("found", [["192.168.1.20", "10.0.0.7"], []])
def test_the_board_and_the_end(monkeypatch, file, found):
    said = []

    def interrupted(server, *_):
        server.count("192.168.1.31")
        server.count("192.168.1.31")
        server.count("192.168.1.32")
        raise KeyboardInterrupt

    monkeypatch.setattr(classroom, "addresses", lambda: found)
    monkeypatch.setattr(classroom._Server, "serve_forever", interrupted)
    port = int(refusing().split(":")[2].split("/")[0])
    assert classroom.serve(file, port, said.append) == 2
    text = "\n".join(said)
    for host in found or ["ADDRESS"]:
        assert f"http://{host}:{port}" in text
    pack = rf"http://{(found or ['ADDRESS'])[0]}:{port}/fundus-course.zip#sha256="
    assert text.count(pack) == 4
    assert "2 have it: 192.168.1.32" in text and "3 have it" not in text
    assert said[-1].endswith("Machines that have the course: 2")
    assert text.encode("gbk")


def test_addresses_of_this_machine_are_not_loopback(monkeypatch):
    assert not [x for x in classroom.addresses() if x.startswith("127.")]

    def unreachable(*_):
        raise OSError("Network is unreachable")

    known = ("teacher", [], ["127.0.1.1", "192.168.1.20"])
    monkeypatch.setattr(classroom.socket.socket, "connect", unreachable)
    monkeypatch.setattr(classroom.socket, "gethostbyname_ex", lambda _: known)
    assert classroom.addresses() == ["192.168.1.20"]
