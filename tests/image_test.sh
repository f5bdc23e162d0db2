#!/bin/sh
# Builds the container image and uses it as a stranger: as a random user and as root, which gives up
# its rights; a read-only root, no network, 64 MB of /dev/shm. What it answers has to be what versectl
# answers outside, to the last voxel. With docker where an engine runs, else with buildah, as root.
#
# usage: tests/image_test.sh [CT]...    beside a synthetic CT, do these scans as well
# VERSECTL       the versectl outside the image; default: the one on the PATH
# BUILD_OPTIONS  go to the build, as --build-arg ENGINE=openvino; versectl outside needs that engine
set -eu

image=verse-seg-test
versectl=${VERSECTL-versectl}
source=$(cd "$(dirname "$0")/.." && pwd)
user=$(shuf -i 20000-60000 -n 1)
data=$(mktemp -d)
container=

tidy() {
    [ -z "$container" ] || buildah rm "$container" >/dev/null
    rm -rf "$data"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# The image's root, read-only, in name spaces of its own: what `docker run` does, without an engine.
# shellcheck disable=SC2016  # expanded inside
enclosed='
root=$1 data=$2 user=$3 && shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o size=64m,mode=1777 shm "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount --bind "$data" "$root/data"
mount -o remount,ro,bind "$root"
exec chroot ${user:+--userspec="$user:$user"} "$root" /usr/bin/env -i "$@"
'

# shellcheck disable=SC2086  # BUILD_OPTIONS are several words
if docker info >/dev/null 2>&1; then
    docker build ${BUILD_OPTIONS-} --tag $image "$source"
    run() {
        docker run --rm --name $image ${user:+--user "$user:$user"} --network none --read-only \
            --tmpfs /tmp --volume "$data:/data" $image "$@"
    }
    terminate() {
        docker kill --signal TERM $image >/dev/null
    }
else
    export BUILDAH_ISOLATION="${BUILDAH_ISOLATION-chroot}" # needs no runtime, works in a container
    buildah build ${BUILD_OPTIONS-} --tag $image "$source"
    container=$(buildah from $image)
    root=$(buildah mount "$container")
    mkdir -p "$root/data"
    configured() { buildah inspect --format "$1" "$container"; }
    environment=$(configured '{{range .OCIv1.Config.Env}}{{.}} {{end}}')
    entrypoint=$(configured '{{index .OCIv1.Config.Entrypoint 0}}')
    run() {
        # shellcheck disable=SC2086  # one word per variable
        unshare --net --mount --pid --fork sh -euc "$enclosed" sh "$root" "$data" "$user" \
            $environment "$entrypoint" "$@"
    }
    terminate() {
        # run() is the shell in the background, its child unshare, whose child the program
        unshare=$(pgrep -P "$running")
        kill -TERM "$(pgrep -P "$unshare")"
    }
fi

expect() { # the exit code, then what the image is given
    wanted=$1 && shift
    code=0
    run "$@" || code=$?
    [ $code -eq "$wanted" ] || fail "versectl $* ended with $code, not $wanted"
}

same() { # two folders: the results of every case
    for file in "$1"/*_spine.json "$1"/*_ctd.json "$1"/*_seg.nii.gz; do
        cmp "$file" "$2/$(basename "$file")" || fail "$(basename "$file") is another one outside"
    done
}

chmod 755 "$data"
mkdir -m 777 "$data/in" "$data/out" "$data/stopped" "$data/outside" # mktemp's folder is ours
echo "no CT" >"$data/broken.nii.gz"

echo "== errors have their exit codes"
expect 0 --help >/dev/null
expect 2 run-all /data/in
expect 2 run-all /data/in /data/out --device tpu
expect 3 run-all /data/missing.nii.gz /data/out
expect 3 run-all /data/broken.nii.gz /data/out
rm -rf "$data"/out/*
expect 0 synth /data/in --count 1 --seed 7
expect 3 run-all /data/in /opt/out # which is read-only
[ $# -eq 0 ] || install -m 644 "$@" "$data/in"

echo "== a signal reaches the program, which leaves nothing half-done"
run run-all /data/in /data/stopped --device cpu &
running=$!
until [ -d "$data/stopped/.versectl" ]; do
    kill -0 $running 2>/dev/null || fail "the run ended before it was terminated"
    sleep 0.2
done
terminate
code=0
wait $running || code=$?
[ $code -eq 143 ] || fail "terminated, it ended with $code, not 143"
[ ! -e "$data/stopped/.versectl" ] || fail "terminated, it left files behind"

echo "== a batch, and the same outside"
expect 0 run-all /data/in /data/out --preview --device cpu --precision float32
engine=$(run doctor --skip-test | awk '$1 == "engine" { print $2 }')
"$versectl" run-all "$data/in" "$data/outside" --engine "$engine" --device cpu --precision float32
same "$data/outside" "$data/out"
foreign=$(find "$data/out" -type f ! -user "$user")
[ -z "$foreign" ] || fail "not owned by $user: $foreign"
[ "$(find "$data/out" -name '*_preview.png' -size +0 | wc -l)" -eq $(($# + 1)) ] || fail "no pictures"

echo "== what is done is kept"
expect 0 run-all /data/in /data/out --device cpu --precision float32 >"$data/told"
[ "$(grep -c kept "$data/told")" -eq $(($# + 1)) ] || fail "a finished case was done again"

echo "== as root, it works as whoever owns the output folder"
stranger=$user
user=
scan=$(find "$data/in" -name '*_ct.nii.gz' | head -n 1)
install -d -m 755 "$data/roots"
install -d -m 755 -o "$stranger" -g "$stranger" "$data/theirs" "$data/closed"
install -d -m 700 "$data/secret"
install -m 600 "$scan" "$data/secret/scan_ct.nii.gz"
expect 0 run-all "/data${scan#"$data"}" /data/roots --device cpu
expect 0 run-all "/data${scan#"$data"}" /data/theirs/new/out --device cpu
expect 3 run-all /data/secret/scan_ct.nii.gz /data/closed --device cpu
[ -z "$(find "$data/roots" -type f ! -user 0)" ] || fail "results in root's folder are not root's"
[ -z "$(find "$data/theirs" ! -user "$stranger")" ] || fail "results are not the folder's owner's"
[ "$(find "$data/roots" "$data/theirs" -name '*_seg.nii.gz' | wc -l)" -eq 2 ] || fail "no results"
user=$stranger

if ! ls /dev/nvidia[0-9]* >/dev/null 2>&1; then
    echo "== a GPU that is not there is told"
    expect 2 run-all /data/in /data/out --overwrite --device gpu
fi
echo "The image builds, runs as $user without network or a writable root, and answers as outside."
