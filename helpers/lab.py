"""JupyterLab, opened at a chapter with this Python as its kernel.

Standard library only; JupyterLab runs in a process of its own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Callable
from pathlib import Path

from . import places, saving

START = 180  # seconds that JupyterLab may take until it answers
TICK = 8  # seconds between two signs of life
PATIENCE = 10  # seconds that it has to end
QUIET = (
    "--no-browser", "--LabApp.log_level=ERROR", "--ServerApp.log_level=ERROR",
    "--ServerApp.answer_yes=True", "--LabApp.extension_manager=readonly",
)  # fmt: skip
SETTINGS = {  # no question about news, and no request for it
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    }
}
WORDS = {
    "en": """The chapter is at {address}
Once the bar at its foot says Idle: Run > Run All Cells, or Shift + Enter for one cell.
To end: save the notebook, then press Ctrl-C here.
In VS Code instead: open this folder and the chapter, then Select Kernel > {python}""",
    "zh": """本章的地址：{address}
底部的状态栏显示 Idle 以后，点 Run > Run All Cells（运行所有单元格），
或者按 Shift + Enter 运行一个单元格。
结束：先保存 Notebook，再在这里按 Ctrl-C。
也可以用 VS Code：打开这个文件夹和这一章，点“选择内核”，选 {python}""",
}


def free_port() -> int:
    """Return a port of this machine that is free, and that nobody asks for by name."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(
    process: subprocess.Popen, address: str, say: Callable[[str], None]
) -> None:
    """Return once the server answers; OSError where it ended or says nothing.

    A proxy of the network is not asked: it does not know this machine's own server.
    """
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    start = told = time.monotonic()
    say("Starting JupyterLab ... 正在启动 JupyterLab")
    while process.poll() is None and (now := time.monotonic()) < start + START:
        with contextlib.suppress(OSError):
            direct.open(address, timeout=TICK).close()
            return
        if now - told > TICK:
            told = now
            say(f"  {now - start:.0f} s so far")
        time.sleep(0.2)
    raise OSError(
        "JupyterLab did not start (see above). Try it: "
        f"{places.typed(sys.executable)} -m jupyterlab"
    )


def end(process: subprocess.Popen) -> None:
    """End the server, whatever has reached it already."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


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
    with tempfile.TemporaryDirectory(prefix="fundus-") as settings:
        saving.write_json(Path(settings) / "overrides.json", SETTINGS)
        command.append(f"--LabApp.app_settings_dir={settings}")
        # else the chapters of last time come back too, each with a kernel
        command.append(f"--LabApp.workspaces_dir={settings}/workspaces")
        variables = places.for_jupyter(token)
        process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL)
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + 15))
        try:
            wait_for(process, f"{server}/login", say)
            say(WORDS[language].format(address=address, python=sys.executable))
            if browser:
                webbrowser.open(address)
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:  # Ctrl-C has reached it, too, a signal perhaps this process alone
            end(process)
            signal.signal(signal.SIGTERM, before)
            say("JupyterLab has ended. JupyterLab 已结束。")
