"""JupyterLab, opened at a chapter with this Python as its kernel.

Standard library only; JupyterLab runs in a process of its own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Callable
from pathlib import Path

from . import places

START = 60  # seconds that JupyterLab may take until it answers
QUIET = (  # errors only; no questions about news, updates or whether to end
    "--no-browser", "--ServerApp.log_level=ERROR", "--ServerApp.answer_yes=True",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)  # fmt: skip
WORDS = {
    "en": """The chapter is at {address}
To end: save the notebook, then press Ctrl-C here.
In VS Code instead: open this folder and the chapter, then Select Kernel > {python}""",
    "zh": """本章的地址：{address}
结束：先保存 Notebook，再在这里按 Ctrl-C。
也可以用 VS Code：打开这个文件夹和这一章，点“选择内核”，选 {python}""",
}


def free_port() -> int:
    """Return the first free port of this machine from 8888 on, else any."""
    for port in (*range(8888, 8908), 0):
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return listener.getsockname()[1]
    raise OSError("this machine lets no port be opened, so JupyterLab cannot start")


def wait_for(process: subprocess.Popen, address: str) -> None:
    """Return once the server answers; OSError where it ended or says nothing."""
    end = time.monotonic() + START
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(address, timeout=START).close()
            return
        time.sleep(0.2)
    raise OSError(
        f"JupyterLab did not start (see above). Try it: {sys.executable} -m jupyterlab"
    )


def serve(
    chapter: Path,
    say: Callable[[str], None],
    language: str = "en",
    browser: bool = True,
) -> int:
    """Open a chapter in JupyterLab and return its exit code once it has ended.

    It listens on this machine alone, and asks for a token that the address holds.
    """
    port, token = free_port(), secrets.token_hex(16)
    server = f"http://localhost:{port}"
    path = chapter.relative_to(places.ROOT).as_posix()
    address = f"{server}/lab/tree/{path}?token={token}"
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}", *QUIET]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={places.ROOT}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # a container of one's own
        command.append("--allow-root")
    with subprocess.Popen(command, env=places.for_jupyter(token)) as process:
        try:
            wait_for(process, f"{server}/login")
            say(WORDS[language].format(address=address, python=sys.executable))
            if browser:
                webbrowser.open(address)
            return process.wait()
        except BaseException:  # Ctrl-C reaches both, a signal perhaps this one alone
            process.terminate()
            raise
