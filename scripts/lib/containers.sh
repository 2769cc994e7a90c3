# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # root is the script's that reads this
# How buildah and podman are run here: with settings, and on request storage, of the project's own, so
# that nothing of the system's is touched; and on machines that are containers themselves.

IMAGE_DIR=${IMAGE_DIR:-$root/build/image}
[[ $IMAGE_DIR == /* ]] || IMAGE_DIR=$PWD/$IMAGE_DIR

# Where the folder lies on an overlay already, layers have to be copied: slower, and larger.
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

# Whoever reads it meanwhile finds the whole file.
keep() { # FILE, on standard input
    cat >"$1.$$" && mv "$1.$$" "$1"
}

containers_settings() {
    mkdir -p "$IMAGE_DIR"
    export CONTAINERS_CONF=$IMAGE_DIR/containers.conf
    [ -z "${OWN_STORAGE-}" ] || export CONTAINERS_STORAGE_CONF=$IMAGE_DIR/storage.conf
    # They hold the folder's name, which may have changed.
    ! grep -qsxF "graphroot = \"$IMAGE_DIR/storage\"" "$IMAGE_DIR/storage.conf" || return 0
    # Limits that a machine with lower ones of its own can grant; no systemd is asked for cgroups.
    keep "$CONTAINERS_CONF" <<SETTINGS
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
SETTINGS
    keep "$IMAGE_DIR/storage.conf" <<SETTINGS
[storage]
driver = "$(storage_driver)"
graphroot = "$IMAGE_DIR/storage"
runroot = "$IMAGE_DIR/run"
SETTINGS
}

containers_settings
