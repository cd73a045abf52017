#!/bin/sh
# Opens a chapter in the browser; the first start makes the environment.
# In a terminal:  bash start.sh        or, for a chapter:  bash start.sh 04 --language zh
cd "$(dirname "$0")" || exit 1
# A Python that is not too old, and that the packages in wheels/, if any, are for.
check='
import glob, platform, sys
tag = "-cp3%d-" % sys.version_info[1]
system = {"win32": "win", "darwin": "macos"}.get(sys.platform, sys.platform)
words = (tag, system, platform.machine().lower())
torch = glob.glob("wheels/torch-*.whl")
fits = any(all(word in name for word in words) for name in torch)
sys.exit(not (fits if torch else (3, 11) <= sys.version_info[:2] <= (3, 13)))
'
for python in python3.13 python3.12 python3.11 python3 python; do
    if "$python" -c "$check" 2>/dev/null; then
        exec "$python" -m helpers open "$@"
    fi
done
echo "Python 3.11, 3.12 or 3.13 is needed (Debian, Ubuntu: with python3-venv)."
echo "需要 Python 3.11、3.12 或 3.13（Debian、Ubuntu 还要装 python3-venv）。"
if [ -d wheels ]; then
    echo "The packages here are for （这里的软件包适用于）："
    echo "With a network: delete the folder wheels and start again (有网络的话，删掉 wheels 文件夹再启动)."
    ls wheels | sed -n 's/^torch-.*-cp3\([0-9]*\)-\(.*\)\.whl$/    Python 3.\1, \2/p'
fi
exit 1
