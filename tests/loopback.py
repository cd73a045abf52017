"""A web server on this machine, and files, archives and traps for it to serve."""

import contextlib
import gzip
import hashlib
import http.server
import io
import socket
import tarfile
import threading
import time
import urllib.parse
import zipfile
from pathlib import Path

BODY = b"PK" + bytes(range(256)) * 1200
SHA = hashlib.sha256(BODY).hexdigest()
QUOTA = b"<!DOCTYPE html><title>Google Drive - Quota exceeded</title><p>Too many users"
LOGIN = b"\n<html><head><title>Sign in</title></head></html>"


def quiet(_):
    pass


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        path = urllib.parse.unquote(self.path)
        self.server.hits.append(path)
        if path == "/drip":
            return self.drip()
        if path == "/silent":  # until the client goes
            return self.rfile.read(1)
        if path == "/both":
            self.server.both.wait()
            path = "/good"
        if path[1:] in ("403", "429", "500"):
            self.send_response(int(path[1:]))
            for header in self.server.headers.items():
                self.send_header(*header)
            self.end_headers()
            return self.wfile.write(b"<html>no</html>")
        body = {"/ok": BODY, "/cut": BODY, "/quota": QUOTA, "/login": LOGIN} | {
            "/wrong": BODY[::-1],
            **self.server.bodies,
        }
        if path not in body:
            return self.send_error(404)
        self.send_response(200)
        length = 1 << 40 if path == "/declared" else len(body[path])
        if path != "/endless":
            self.send_header("Content-Length", str(length))
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


@contextlib.contextmanager
def serving():
    """Serve ``server.bodies`` at ``server.url``; ``server.hits`` are the requests."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.bodies, server.hits, server.headers = {}, [], {}
    server.both = threading.Barrier(2, timeout=20)
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def refusing():
    """Return an address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/a.zip"


def only_this_machine(monkeypatch):
    """Let no address outside this machine resolve, with or without a network."""
    real = socket.getaddrinfo

    def only_here(host, *args, **kwargs):
        if host not in ("127.0.0.1", "localhost", None):
            raise socket.gaierror(-2, "Name or service not known")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)
    monkeypatch.setenv("NO_PROXY", "*")


def in_folder(folder, files):
    """Write {name: bytes} into a folder and return it."""
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


def zipped(files, links=False):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if links:
            link = zipfile.ZipInfo("link")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
        for name, body in files.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def tarred(files, mode="w:gz", links=False):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE) * links:
            member = tarfile.TarInfo("link")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


def lying_zip(size, said=10):
    """Return a zip whose one member says another size than it unpacks to."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(size))
    body = bytearray(buffer.getvalue())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = body.index(signature) + offset
        body[start : start + 4] = said.to_bytes(4, "little")
    return bytes(body)


def long_name(size):
    """Return a tar.gz whose first header announces, and has, a name that long."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, size
    return gzip.compress(header.tobuf() + bytes(size))


def tree(folder):
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def fake_gdown(monkeypatch, folder, body):
    """Put a gdown before the real one for the process that fetch starts."""
    (folder / "fake").mkdir()
    (folder / "fake" / "gdown.py").write_text(
        f"import time\ndef download(*, id, output, quiet):\n    {body}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder / "fake"))
