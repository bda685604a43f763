#!/bin/bash
# Builds images and tries each as an ordinary user: `make images`, or docker/images.sh [cpu|ray|cuda|s3]...
#
# BUILDER is docker, podman or buildah (the first that is there); BASE takes the place of debian:bookworm-slim,
# for example of one that holds your company's certificates.
set -euo pipefail
cd "$(dirname "$0")/.."

builder=${BUILDER:-}
for one in docker podman buildah; do
  if [ -z "$builder" ] && command -v "$one" > /dev/null; then builder=$one; fi
done
if [ -z "$builder" ]; then
  echo "docker/images.sh needs docker, podman or buildah" >&2
  exit 3
fi

# What the commands of a user do, in one image; the entry point is left out, so that all of them are one container.
try() {
  local script=$1 image=$2
  if [ "$builder" = buildah ]; then
    local container
    container=$(buildah from "$image")
    buildah run --user 1000:1000 "$container" -- sh -euc "$script" || { buildah rm "$container" > /dev/null; return 1; }
    buildah rm "$container" > /dev/null
  else
    "$builder" run --rm --user 1000:1000 --entrypoint sh "$image" -euc "$script"
  fi
}

size() {
  if [ "$builder" = buildah ]; then
    buildah images --format '{{.Size}}' "$1"
  else
    "$builder" image inspect --format '{{.Size}} bytes' "$1"
  fi
}

for target in "${@:-cpu}"; do
  image=maskgen:$target
  options=(--file docker/Dockerfile --target "$target" --tag "$image")
  if [ "$builder" = buildah ]; then options+=(--format docker --layers); fi
  if [ -n "${BASE:-}" ]; then options+=(--build-arg "BASE=$BASE"); fi
  "$builder" build "${options[@]}" .
  case "$target" in
  s3) try 'moto_server --version' "$image" ;;
  *)
    # shellcheck disable=SC2016  # the container expands it
    try 'test "$(id -u)" = 1000
      maskgen doctor
      maskgen run --dataset sample --output /tmp/shards --method fast --background tiled
      maskgen verify /tmp/shards --full
      maskgen preview /tmp/shards --output /tmp/preview.png' "$image"
    ;;
  esac
  if [ "$target" = ray ]; then try 'ray --version' "$image"; fi
  if [ "$target" = cuda ]; then try 'python -m maskgen.loaders --help && train-ssl presets' "$image"; fi
  echo "$image: $(size "$image")"
done
