# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# For tests/real/*/build that install packages of npm and PyPI. A build sets the lists npm_packages and pip_packages,
# each package with its version, and then:
#
#   open_folder cloudevents  # a folder of REAL_CACHE, for this process alone; what else it is to have may follow
#   if ! is_installed; then
#       install_packages     # into $folder/node_modules and $folder/python
#       say_installed
#   fi
npm_packages=()
pip_packages=()

require() { # PROGRAM...
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || { echo "$program is missing" >&2; exit 1; }
    done
}

open_folder() { # NAME [WANTED...]
    folder=${REAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mastery-engine-real}/$1
    shift
    local all=("${npm_packages[@]}" "${pip_packages[@]}" "$@")
    wanted=${all[*]}
    mkdir -p "$folder"
    exec 9>"$folder/lock"
    flock 9
    echo "$wanted" >&2
}

is_installed() {
    [ "$(cat "$folder/installed" 2>/dev/null)" = "$wanted" ]
}

install_packages() {
    rm -rf "$folder/installed" "$folder/node_modules" "$folder/python"
    if [ ${#npm_packages[@]} -gt 0 ]; then
        echo '{"private": true}' >"$folder/package.json"
        npm install --prefix "$folder" --no-audit --no-fund --ignore-scripts --silent "${npm_packages[@]}" >&2
    fi
    "${PYTHON:-python3}" -m venv "$folder/python"
    "$folder/python/bin/pip" install --quiet "${pip_packages[@]}" >&2
}

say_installed() {
    echo "$wanted" >"$folder/installed"
}
