# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # root is set by the script that sources this
# Settings for buildah and podman: the project's own and, with OWN_STORAGE, a storage of its own, so that those
# of the system stay as they are. They also work on machines that are containers themselves.

IMAGE_DIR=${IMAGE_DIR:-$root/build/image}
[[ $IMAGE_DIR == /* ]] || IMAGE_DIR=$PWD/$IMAGE_DIR

# On a folder that is on an overlay itself no overlay can be mounted: layers are copied, which takes longer and
# more space.
storage_driver() {
    local folder driver=vfs
    folder=$(mktemp -d "$IMAGE_DIR/probe.XXXXXX")
    mkdir "$folder"/{lower,upper,work,merged}
    # shellcheck disable=SC2016 # the inner shell's own variable
    ! unshare -m sh -c 'cd "$1" && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged' \
        sh "$folder" 2>/dev/null || driver=overlay
    rm -rf "$folder"
    echo $driver
}

# Writes standard input to a file by rename, so that no reader sees half of it.
replace_file() { # FILE
    cat >"$1.$$" && mv "$1.$$" "$1"
}

containers_settings() {
    mkdir -p "$IMAGE_DIR"
    export CONTAINERS_CONF=$IMAGE_DIR/containers.conf
    [ -z "${OWN_STORAGE-}" ] || export CONTAINERS_STORAGE_CONF=$IMAGE_DIR/storage.conf
    # They contain the folder's name, which may have changed.
    ! grep -qsxF "graphroot = \"$IMAGE_DIR/storage\"" "$IMAGE_DIR/storage.conf" || return 0
    # Limits low enough for a machine with low limits of its own; cgroupfs needs no systemd.
    replace_file "$CONTAINERS_CONF" <<SETTINGS
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
SETTINGS
    replace_file "$IMAGE_DIR/storage.conf" <<SETTINGS
[storage]
driver = "$(storage_driver)"
graphroot = "$IMAGE_DIR/storage"
runroot = "$IMAGE_DIR/run"
SETTINGS
}

containers_settings
