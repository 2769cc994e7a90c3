# SPDX-License-Identifier: GPL-3.0-or-later
# One image for all containers of the engine, so that nginx's locations and the engine's routes always
# have the same version. Commands:
#
#   serve-pool       the pool: spawn-fcgi, multiwatch, mastery-fcgi (the default)
#   mastery-worker   the worker
#   serve-nginx      nginx in front of the pool's socket
#
# scripts/build-image builds the image with buildah and sets the arguments; docker build . works too.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
ARG DEBIAN_FRONTEND=noninteractive
WORKDIR /src
COPY scripts/install-packages scripts/
RUN scripts/install-packages build
COPY . .
ARG COMMIT=unknown
RUN echo "$COMMIT" >.commit && ./autogen.sh && \
    ./configure -q --prefix=/usr --sysconfdir=/etc --disable-unit-tests && make -s -j "$(nproc)" && \
    make -s install DESTDIR=/stage && \
    strip --strip-unneeded /stage/usr/sbin/mastery-* /stage/usr/bin/mastery-* && \
    rm -rf /stage/usr/lib /stage/etc /stage/usr/share/man && \
    install -D -t /stage/opt/mastery-engine/scripts scripts/serve-pool scripts/spawn-pool scripts/serve-nginx \
        scripts/pre-stop scripts/reload-keys scripts/health-check.sh scripts/k8s-startup-probe.sh && \
    mkdir -p /stage/run/mastery-engine /stage/run/mastery-nginx

FROM ${BASE}
ARG DEBIAN_FRONTEND=noninteractive
COPY scripts/install-packages /tmp/
# Logs, caches, backups of apt and dpkg, and the day on which a user was made (in /etc/shadow) are removed: they would
# differ between two builds.
RUN bash /tmp/install-packages container && \
    groupadd --gid 10001 mastery-engine && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
        mastery-engine && \
    useradd --uid 10002 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
        mastery-nginx && \
    sed -i 's/^\([^:]*:[^:]*:\)[0-9]*:/\1:/' /etc/shadow && \
    find /usr/share/doc -mindepth 1 -type f ! -name copyright -delete && \
    rm -rf /tmp/* /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old \
        /var/cache/ldconfig/aux-cache /var/lib/dpkg/*-old /var/log/* /etc/*- /usr/share/man \
        /usr/share/info /usr/share/locale /usr/share/nginx/html /var/www
COPY --from=build /stage /
RUN chown 10001:10001 /run/mastery-engine && chown 10002:10001 /run/mastery-nginx && \
    chmod 2770 /run/mastery-engine && chmod 0700 /run/mastery-nginx

ARG VERSION=0.0.0
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="Mastery Engine" \
      org.opencontainers.image.description="Mastery scores of learners, as a FastCGI service on Redis" \
      org.opencontainers.image.licenses="GPL-3.0-or-later" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
ENV PATH=/opt/mastery-engine/scripts:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    FCGI_SOCKET=/run/mastery-engine/engine.sock \
    NGINX_RUNTIME_DIR=/run/mastery-nginx \
    NGINX_TEMPLATES=/usr/share/mastery-engine/nginx \
    LC_ALL=C.UTF-8
WORKDIR /opt/mastery-engine
USER 10001:10001
EXPOSE 8005
# Sends a request through nginx to the pool, so it works in both of these containers if they share a
# network. A worker has no HTTP port: run it with --no-healthcheck. Kubernetes ignores HEALTHCHECK and uses
# the pod's probes.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/opt/mastery-engine/scripts/health-check.sh", "liveness"]
CMD ["serve-pool"]
