#!/bin/sh
# Brings the site to the version in this folder, without a moment in which nobody serves: deploy/upgrade.sh. Tables first, then as
# many new web processes as there are old ones, and when these answer, the old ones stop: they hand over what they are
# writing. COMPOSE_FILE (default: docker-compose.gpu.yml) may name further files, with colons between.
set -eu
cd "$(dirname "$0")/.."
export COMPOSE_FILE="${COMPOSE_FILE:-docker-compose.gpu.yml}"

old=$(docker compose ps --quiet site)
# shellcheck disable=SC2086 # one word for each
set -- $old
if [ $# = 0 ]; then
    echo "No web process runs: start Parley with docker compose up (docs/DEPLOY.md)." >&2
    exit 1
fi

docker compose build --pull site
docker compose run --rm prepare
docker compose up --detach --no-deps --no-recreate --wait --scale "site=$(($# * 2))" site
docker stop "$@"
docker rm "$@"
docker compose up --detach --no-deps --no-recreate --scale "site=$#" site
