#!/bin/sh
# The worker beside a plain peft loop, on a machine with an accelerator: some minutes, no network. PYTHON names the interpreter.
set -eu
cd "$(dirname "$0")"
exec timeout 480 "${PYTHON:-python3}" gpu_check.py "$@"
