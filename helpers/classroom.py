"""The pack on the local network: one file, one page with the lines to copy, a count.

Standard library only. Nothing else on the machine can be reached through it.
"""

from __future__ import annotations

import contextlib
import html
import re
import socket
import socketserver
import sys
import zipfile
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from string import Template

from . import datasets

NAME = "/fundus-course.zip"  # whatever the file is called here
PAGE = Template((Path(__file__).parent / "classroom.html").read_text("utf-8"))
WITH_WHEELS = """Packages for {systems} are in it: Python is all that is needed.
<span lang="zh">文件里已经带有 {systems} 用的软件包，只需要装好 Python。</span>"""
WITHOUT_WHEELS = """Python 3.11 to 3.13 is needed, and a network at the first start.
<span lang="zh">需要装好 Python 3.11 到 3.13；第一次启动时要联网下载软件包。</span>"""
BOARD = """Write on the board (写在黑板上):

    {addresses}

The page there has the file and the lines to copy (那一页上有文件和要复制的命令):
  bash, zsh    export FUNDUS_REPO="{pack}"
  PowerShell   $env:FUNDUS_REPO = "{pack}"
  cmd          set "FUNDUS_REPO={pack}"
  a cell above the set-up cell (在第一个代码单元格上方新建一个):
    import os; os.environ["FUNDUS_REPO"] = "{pack}"
Colab and Kaggle run in the cloud and cannot reach it: students download the file from
the page and put it beside the notebook, or into MyDrive or Kaggle's input.
(Colab 和 Kaggle 在云端，连不上：请学生下载后，放到 Notebook 旁边、MyDrive 或
Kaggle 的 input。)
If nobody gets through: let Python pass this machine's firewall (private networks), all
in the same network, no guest Wi-Fi, and NO_PROXY={host} where there is a proxy.
(谁都打不开：在防火墙里允许 Python 使用专用网络；所有人连同一个网络，不要用访客 Wi-Fi。)
To end (结束): Ctrl-C."""


def _packages(file: Path) -> str:
    """Say in HTML for whom a pack holds packages; ValueError where it is no pack."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        names = []
    if "helpers/lesson.py" not in names:
        raise ValueError(f"{file} is no pack of the course; `data --pack` makes one")
    torch = r"wheels/torch-[^/\n]+-cp3(\d+)-(?:many)?(win|linux|macos)"
    found = re.findall(torch, "\n".join(names))
    words = {"win": "Windows", "linux": "Linux", "macos": "macOS"}
    systems = ", ".join(sorted(f"{words[x]} (Python 3.{minor})" for minor, x in found))
    return WITH_WHEELS.format(systems=systems) if systems else WITHOUT_WHEELS


class _Server(socketserver.ThreadingTCPServer):
    """Serves one file to a class that asks all at once.

    Not http.server's, which asks for this machine's name and may wait for an answer.
    """

    daemon_threads, request_queue_size = True, 128
    allow_reuse_address = sys.platform != "win32"  # there, two could share a port

    def __init__(self, file: Path, port: int, say: Callable[[str], None]):
        self.file, self.say, self.packages = file, say, _packages(file)
        self.size, self.digest = file.stat().st_size, datasets.sha256(file)
        self.have = set()  # addresses that have the whole file
        try:
            super().__init__(("", port), _Handler)
        except (OSError, OverflowError) as error:
            raise OSError(
                f"port {port} cannot be opened ({error}): give another, such as "
                f"--port {8000 if port != 8000 else 8001}"
            ) from None

    def address(self, host: str) -> str:
        """Return what FUNDUS_REPO is set to, by a name of this machine and its port."""
        return f"http://{host}{NAME}#sha256={self.digest}"

    def count(self, client: str) -> None:
        """Note that a machine has the whole file."""
        if client not in self.have:
            self.have.add(client)
            self.say(f"{len(self.have)} have it: {client}")

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers with the page, the file, or 404."""

    server: _Server
    server_version, sys_version = "fundus-course", ""
    timeout = 60  # seconds without a byte after which a client is given up

    def do_GET(self) -> None:
        """Send the page or the file."""
        path = self._head()
        if path == "/":
            self.wfile.write(self._page())
        elif path == NAME:
            with self.server.file.open("rb") as file:
                self.connection.sendfile(file)
            # Read to its end means: the other side closes in turn, and not by a reset.
            self.connection.shutdown(socket.SHUT_WR)
            if not self.connection.recv(1):
                self.server.count(self.client_address[0])

    def do_HEAD(self) -> None:
        """Send the head alone."""
        self._head()

    def _page(self) -> bytes:
        """Return the page, with the address by which the client came here."""
        host = self.headers.get("Host", "")
        if not re.fullmatch(r"[\w.-]+(:\d+)?", host):
            host = "{}:{}".format(*self.connection.getsockname())
        address = html.escape(self.server.address(host))
        facts = {"size": f"{self.server.size / 1e6:.0f}", "name": NAME}
        facts["packages"] = self.server.packages
        return PAGE.substitute(address=address, **facts).encode()

    def _head(self) -> str:
        """Send the head of the answer; return the path without a query."""
        path = self.path.partition("?")[0]
        if path not in ("/", NAME):
            self.send_error(HTTPStatus.NOT_FOUND)
            return ""
        kind = "application/zip" if path == NAME else "text/html; charset=utf-8"
        size = self.server.size if path == NAME else len(self._page())
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        return path

    def log_message(self, *_: object) -> None:
        """Say nothing of single requests."""


def addresses() -> list[str]:
    """Return this machine's address on its network, or all where it has no way out.

    Nothing is sent: a socket that is told a far address knows its own end.
    """
    found = []
    with contextlib.suppress(OSError), socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address for examples
        found.append(probe.getsockname()[0])
    if not found:  # no way out of the local network, or none at all
        with contextlib.suppress(OSError):
            found = socket.gethostbyname_ex(socket.gethostname())[2]
    return [x for x in found if not x.startswith("127.")]


def serve(file: Path, port: int, say: Callable[[str], None]) -> int:
    """Serve a pack until Ctrl-C; return how many machines have it whole."""
    with _Server(file, port, say) as server:
        hosts = [f"{host}:{server.server_address[1]}" for host in addresses()]
        if not hosts:
            hosts = [f"ADDRESS:{server.server_address[1]}"]
            say("ADDRESS below is this machine's own; ipconfig or `ip addr` shows it.")
        board = "    or  ".join(f"http://{host}" for host in hosts)
        pack, host = server.address(hosts[0]), hosts[0].partition(":")[0]
        say(BOARD.format(addresses=board, pack=pack, host=host))
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    say(f"\nEnded. Machines that have the course: {len(server.have)}")
    return len(server.have)
