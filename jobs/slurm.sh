#!/bin/bash
# Photographs on a Slurm cluster: each task of an array segments one shard.
#
# In the folder of the course, with a Python on all machines that has requirements.txt,
# and with folders that all machines see:
#   sbatch jobs/slurm.sh PHOTOGRAPHS OUT                              prints an ID
#   sbatch --array=1 --dependency=afterok:ID jobs/slurm.sh --merge OUT
# The merge says what is missing, if anything; to start shards 3 and 5 to 7 again:
#   sbatch --array=3,5-7 jobs/slurm.sh PHOTOGRAPHS OUT
#
#SBATCH --job-name=segment
#SBATCH --array=1-100
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --output=segment-%A_%a.txt

# As many as the whole array has tasks. Take one for every 2000 photographs or fewer.
export FUNDUS_SHARDS=${FUNDUS_SHARDS:-100}

if [ "$1" = --merge ]; then
    exec python3 -m helpers segment --merge --out "$2"
fi
exec python3 -m helpers segment "$1" --recursive --out "$2" \
    --shard auto --jobs "$SLURM_CPUS_PER_TASK"
