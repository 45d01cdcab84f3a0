#!/usr/bin/env bash
# Pins the requirements: every *.in becomes the *.txt beside it, for all platforms. All files are resolved together
# first, so that a package that several of them need has one version everywhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check uv

compile() {
    "$work/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate "$@"
}

compile requirements.in tgi/requirements.in tgi/requirements-transformers.in requirements-dev.in --output-file "$work/all.txt"
for name in requirements tgi/requirements tgi/requirements-transformers requirements-dev; do
    compile --constraint "$work/all.txt" "$name.in" --output-file "$name.txt"
done
# torch itself names the versions of CUDA's libraries that its build for CUDA needs; the one for the CPU needs none.
sed --in-place --regexp-extended '/^(cuda-|nvidia-|triton)/d' tgi/requirements-transformers.txt
