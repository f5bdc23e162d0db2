#!/bin/sh
# Builds the container image and uses it as a stranger: any user id, no network, nothing writable
# but /tmp and the data. With docker where an engine runs, else with buildah, as root.
# usage: tests/image_test.sh [CT]    without a CT a synthetic one is made
# BUILD_OPTIONS, from the environment, go to the build: --build-arg BASE_IMAGE=debian:12
set -eu

image=versectl-image-test
user=12345
source=$(dirname "$0")/..
data=$(mktemp -d)
container=

tidy() {
    [ -z "$container" ] || buildah rm "$container" >/dev/null
    rm -rf "$data"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck disable=SC2086  # BUILD_OPTIONS are several words
if docker info >/dev/null 2>&1; then
    docker build ${BUILD_OPTIONS-} --tag $image "$source"
    run() {
        docker run --rm --user $user:$user --network none --read-only --tmpfs /tmp \
            --volume "$data:/data" $image "$@"
    }
else
    export BUILDAH_ISOLATION="${BUILDAH_ISOLATION-chroot}" # needs no runtime, works in a container
    buildah build ${BUILD_OPTIONS-} --tag $image "$source"
    container=$(buildah from $image)
    entrypoint=$(buildah inspect --format '{{index .OCIv1.Config.Entrypoint 0}}' "$container")
    run() {
        unshare --net buildah run --user $user:$user --volume "$data:/data" \
            "$container" -- "$entrypoint" "$@"
    }
fi

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

expect() { # the exit code, then what the image is given
    wanted=$1 && shift
    code=0
    run "$@" || code=$?
    [ $code -eq "$wanted" ] || fail "versectl $* ended with $code, not $wanted"
}

chmod 755 "$data"
mkdir -m 777 "$data/in" "$data/out" # mktemp's folder belongs to us, not to $user
echo "no CT" >"$data/broken.nii.gz"

expect 0 --help >/dev/null
expect 2 run-all /data/in
expect 3 run-all /data/missing.nii.gz /data/out
expect 3 run-all /data/broken.nii.gz /data/out
rm -rf "$data"/out/*

if [ $# -gt 0 ]; then
    install -m 644 "$1" "$data/in"
else
    expect 0 synth /data/in --count 1 --seed 7
fi
expect 0 run-all /data/in /data/out --preview

for result in spine.json ctd.json seg.nii.gz report.json preview.png; do
    [ -s "$(echo "$data"/out/*_$result)" ] || fail "no $result"
done
foreign=$(find "$data/out" -type f ! -user $user)
[ -z "$foreign" ] || fail "not owned by $user: $foreign"
echo "The image builds and runs."
