# syntax=docker/dockerfile:1
# Gangway in one image: `serve` (the default), `worker`, `migrate` and every other command.

FROM node:22-bookworm-slim AS console
WORKDIR /build
COPY . .
RUN sh scripts/console.sh

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# The image carries GraphiQL, so that it needs no address but its own.
COPY --from=console /build/console/dist console/dist
# The caches stay on the building machine; the binary is copied out of them because they are no part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin gangway --features console && cp target/release/gangway /gangway

FROM debian:bookworm-slim
# Certificates for https to token issuers and object stores.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 gangway \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/gangway --shell /usr/sbin/nologin gangway \
    && install -d -o gangway -g gangway -m 0750 /var/lib/gangway
COPY --from=build /gangway /usr/local/bin/gangway
COPY LICENSE /usr/share/doc/gangway/LICENSE

USER 10001:10001
WORKDIR /var/lib/gangway
ENV GANGWAY_DATA=/var/lib/gangway \
    GANGWAY_LISTEN=0.0.0.0:8080 \
    GANGWAY_LOG_FORMAT=json
VOLUME /var/lib/gangway
EXPOSE 8080
STOPSIGNAL SIGTERM
# The image has no curl; bash speaks enough HTTP to ask. `worker` answers there with GANGWAY_WORKER_LISTEN=0.0.0.0:8080.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200'"]
ENTRYPOINT ["gangway"]
CMD ["serve"]
