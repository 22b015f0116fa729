#!/usr/bin/env bash
# A study on one node: sbatch deploy/slurm-one-node.sh my_study.yaml [options of study.run]
#SBATCH --job-name=sslcl
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=sslcl-%j.log
# With GPUs: sbatch --gres=gpu:1 deploy/slurm-one-node.sh my_study.yaml --gpus-per-trial 0.5
set -euo pipefail

study=${1:?"usage: sbatch $0 STUDY [options of study.run]"}
shift
home=${SSLCL_HOME:-$SLURM_SUBMIT_DIR/runs}
# shellcheck disable=SC1091
source "${SSLCL_VENV:-$SLURM_SUBMIT_DIR/.venv}/bin/activate"
cd "$SLURM_SUBMIT_DIR"
unset RAY_ADDRESS

python -m study.run "$study" --home "$home" --workers "$SLURM_CPUS_PER_TASK" "$@" &
run=$!
# Before the time limit SLURM sends TERM: the epochs in progress end, and everything is kept.
trap 'kill -TERM "$run" 2>/dev/null || true' TERM
code=0
wait "$run" || code=$?
while kill -0 "$run" 2>/dev/null; do
  code=0
  wait "$run" || code=$?
done
# 130: stopped before its end. The same job goes on where it stopped.
if [ "$code" -eq 130 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
