# The program in an image without shell or package manager, run by an unprivileged user.
#
# The first builder stage compiles the dependencies alone (RocksDB takes about 12 minutes on 2
# cores), so that its layer is reused until Cargo.toml or Cargo.lock changes.

FROM rust:1.95-slim-bookworm AS dependencies
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      g++ make pkg-config libssl-dev libclang1-14 libclang-common-14-dev \
 && rm -rf /var/lib/apt/lists/*
# zlib goes into the binary: the final image has OpenSSL and the C++ library, but no zlib.
ENV LIBZ_SYS_STATIC=1 CARGO_TERM_COLOR=never
WORKDIR /src
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src bench/load \
 && echo 'fn main() {}' | tee src/main.rs bench/load/main.rs > src/lib.rs \
 && cargo build --release --locked

FROM dependencies AS build
COPY src src
COPY bench bench
# Cargo goes by modification times, and those of the copies may be older than the stand-ins'.
RUN find src bench -name '*.rs' -exec touch {} + \
 && cargo build --release --locked \
 && objcopy --strip-debug target/release/rollcall /rollcall

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="rollcall" \
      org.opencontainers.image.description="Completeness reconciliation on Kafka" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY LICENSE /LICENSE
COPY --from=build /rollcall /usr/bin/rollcall
USER nonroot:nonroot
ENTRYPOINT ["/usr/bin/rollcall"]
