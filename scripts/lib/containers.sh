# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2154 # root is the script's that reads this
# How buildah and podman are run here: with settings, and on request storage, of the project's own, so
# that nothing of the system's is touched; and on machines that are containers themselves.

IMAGE_DIR=${IMAGE_DIR:-$root/build/image}
[[ $IMAGE_DIR == /* ]] || IMAGE_DIR=$PWD/$IMAGE_DIR

containers_settings() {
    mkdir -p "$IMAGE_DIR"
    # Limits that a machine with lower ones of its own can grant; no systemd is asked for cgroups.
    cat >"$IMAGE_DIR/containers.conf" <<SETTINGS
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
SETTINGS
    cat >"$IMAGE_DIR/storage.conf" <<SETTINGS
[storage]
driver = "${STORAGE_DRIVER:-overlay}"
graphroot = "$IMAGE_DIR/storage"
runroot = "$IMAGE_DIR/run"
SETTINGS
    export CONTAINERS_CONF=$IMAGE_DIR/containers.conf
    [ -z "${OWN_STORAGE-}" ] || export CONTAINERS_STORAGE_CONF=$IMAGE_DIR/storage.conf
}

containers_settings
