#!/usr/bin/env bash
PYTHONPATH="$(cd "$(dirname "$0")" && pwd)" exec python3 -m helpers data "$@"
