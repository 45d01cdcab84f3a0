#!/bin/sh
# Makes the secrets that docker-compose.gpu.yml hands to its containers, one file each: scripts/secrets.sh [FOLDER].
# What is there already stays as it is.
#
# Containers read the files under users of their own, so the files can be read by all; the folder lets nobody in but its
# owner, and Docker mounts each file by itself.
set -eu
folder=${1:-"$(dirname "$0")/../deploy/secrets"}

umask 077
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

# The content from standard input becomes the file, whole or not at all.
keep() {
    if [ -e "$1" ]; then
        cat >/dev/null
        echo "kept $1"
    else
        cat >"$1.new"
        chmod 644 "$1.new"
        mv "$1.new" "$1"
        echo "made $1"
    fi
}

random() {
    od -An -N 32 -t x1 /dev/urandom | tr -d ' \n'
}

for name in secret_key postgres_password database_password tgi_api_key; do
    random | keep "$name"
done
printf 'postgresql://parley:%s@postgres:5432/parley' "$(cat database_password)" | keep database_url
