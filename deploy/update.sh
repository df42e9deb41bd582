#!/bin/sh
# Rolling update of deploy/compose.postgres.yaml: one replica after the other, each ready before the next one stops; then what the
# schema may lose only now. Run it in the project's folder, with the new version checked out. It stops at the first thing that fails.
set -eu
cd "$(dirname "$0")/.."
compose() { docker compose -f deploy/compose.postgres.yaml --env-file .env "$@"; }

if docker image inspect autodialer >/dev/null 2>&1; then
  docker image tag autodialer autodialer:before
fi
compose build replica-a
compose up --detach --no-deps --wait --wait-timeout 180 postgres
for replica in replica-a replica-b; do
  compose up --detach --no-deps --no-build --wait --wait-timeout 180 "$replica"
done
compose exec -T replica-a autodialer migrate --after
