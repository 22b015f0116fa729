#!/usr/bin/env bash
# A study on several nodes: sbatch deploy/slurm-many-nodes.sh my_study.yaml [options of study.run]
#SBATCH --job-name=sslcl
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=sslcl-%j.log
# With GPUs: sbatch --gres=gpu:1 deploy/slurm-many-nodes.sh my_study.yaml --gpus-per-trial 0.5
set -euo pipefail

study=${1:?"usage: sbatch $0 STUDY [options of study.run]"}
shift
home=${SSLCL_HOME:-$SLURM_SUBMIT_DIR/runs}
# shellcheck disable=SC1091
source "${SSLCL_VENV:-$SLURM_SUBMIT_DIR/.venv}/bin/activate"
cd "$SLURM_SUBMIT_DIR"
unset RAY_ADDRESS

# Who has not this job's token is not let into its cluster; srun hands it on in the environment.
RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_MODE RAY_AUTH_TOKEN

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)  # not head, whose end would break the pipe
ip=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{ print $1 }')
address=$ip:$((20000 + SLURM_JOB_ID % 10000))
one_each="--cpus-per-task=$SLURM_CPUS_PER_TASK --kill-on-bad-exit=0"

# shellcheck disable=SC2086
srun $one_each --nodes=1 --ntasks=1 --nodelist="$head" \
  ray start --head --node-ip-address="$ip" --port="${address##*:}" \
  --num-cpus="$SLURM_CPUS_PER_TASK" --include-dashboard=false --disable-usage-stats --block &
steps=$!
until ray health-check --address "$address" >/dev/null 2>&1; do
  kill -0 "$steps"
  sleep 1
done
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  others=$((SLURM_JOB_NUM_NODES - 1))
  # shellcheck disable=SC2086
  srun $one_each --nodes="$others" --ntasks="$others" --exclude="$head" \
    ray start --address="$address" --num-cpus="$SLURM_CPUS_PER_TASK" --disable-usage-stats --block &
  steps="$steps $!"
  # Trials are shared among the nodes that are there; one that comes late is used when it comes.
  python - "$address" "$SLURM_JOB_NUM_NODES" <<'PYTHON'
import sys, time
import ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
until = time.monotonic() + 120
while sum(node["Alive"] for node in ray.nodes()) < int(sys.argv[2]) and time.monotonic() < until:
    time.sleep(0.5)
PYTHON
fi

python -m study.run "$study" --home "$home" --address "$address" "$@" &
run=$!
# Before the time limit SLURM sends TERM: the epochs in progress end, and everything is kept.
trap 'kill -TERM "$run" 2>/dev/null || true' TERM
code=0
wait "$run" || code=$?
while kill -0 "$run" 2>/dev/null; do
  code=0
  wait "$run" || code=$?
done
# shellcheck disable=SC2086
kill $steps 2>/dev/null || true
# 130: stopped before its end. The same job goes on where it stopped.
if [ "$code" -eq 130 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
