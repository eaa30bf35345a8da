# One multi-stage build for all parts; the part is chosen by the build argument PART.
#   docker build --build-arg PART=ingest -t platen/ingest .
# Not built where this file was written: no container engine was at hand. tests/it/compose.rs parses it.
ARG RUST=1.95
FROM rust:${RUST}-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG PART
RUN case "${PART}" in testbed) bin=printer-sim ;; *) bin="${PART}" ;; esac && cargo build --release --locked --package "${PART}" --bin "${bin}" && install -m 0755 "target/release/${bin}" /part

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/platen --create-home platen
COPY --from=build /part /usr/local/bin/part
USER 10001:10001
WORKDIR /var/lib/platen
VOLUME ["/var/lib/platen"]
ENTRYPOINT ["/usr/local/bin/part"]
CMD ["run", "--config", "/etc/platen/part.toml"]
