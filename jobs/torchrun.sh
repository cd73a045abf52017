#!/bin/sh
# Photographs on one machine, a shard a process, then the merge. torchrun comes with
# torch and numbers the processes (RANK, WORLD_SIZE). In the folder of the course:
#   sh jobs/torchrun.sh PHOTOGRAPHS OUT 4
# On one machine `segment --jobs 4` does the same with one table; torchrun is for those
# who have it on many (--nnodes, --rdzv-endpoint). Restarts: the same line again.
set -e
torchrun --nproc-per-node "$3" -m helpers segment "$1" --recursive --out "$2" --shard auto
python3 -m helpers segment --merge --out "$2"
