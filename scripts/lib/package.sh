# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A commit's source archive, and the Debian package that is built from it. Their contents depend on the commit and on
# the versions of the installed tools alone: not on the checkout, its folder, the user, the time or the language.

# The environment of the builds: the caller's has settings of compilers, tar, xz, make and git.
clean_env() { # COMMAND...
    env -i PATH="/usr/sbin:/usr/bin:/sbin:/bin" HOME=/nonexistent LC_ALL=C.UTF-8 TZ=UTC \
        SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" "$@"
}

# Sets SOURCE_DATE_EPOCH to the time of the commit.
set_epoch() { # REPOSITORY COMMIT
    SOURCE_DATE_EPOCH=$(git -C "$1" log -1 --format=%ct "$2")
    export SOURCE_DATE_EPOCH
}

# Writes the commit's files to FOLDER/source.
export_commit() { # REPOSITORY COMMIT FOLDER
    mkdir -p "$3/source"
    git -C "$1" archive "$2" | tar -x -C "$3/source"
    git -C "$1" describe --always --abbrev=12 --exclude='*' "$2" >"$3/source/.commit"
}

# Makes FOLDER/source/mastery-engine-VERSION.tar.xz of FOLDER/source, and unpacks it to FOLDER/mastery-engine-VERSION.
make_archive() { # FOLDER
    (cd "$1/source" && clean_env ./autogen.sh && clean_env ./configure -q --disable-unit-tests && clean_env make -s dist)
    tar -x -C "$1" -f "$1"/source/mastery-engine-*.tar.xz
}

# Makes FOLDER/mastery-engine_VERSION_ARCHITECTURE.deb of FOLDER/mastery-engine-VERSION. The tests are run by scripts/test.
make_package() { # FOLDER
    (cd "$1"/mastery-engine-*/ && clean_env dpkg-buildpackage -us -uc -b)
}
