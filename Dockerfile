# The program in an image without shell or package manager, run by an unprivileged user: operator,
# worker and demo services are subcommands of the one binary.
#
#   docker build -t rollcall .
#
# The stage "rocksdb" compiles only RocksDB, as a few large units (docs/adr/0010-rocksdb.md), and
# keeps the library by its version, compiler and flags, so that a changed Cargo.lock compiles it
# again only if the version changes. The stage "dependencies" compiles the other dependencies, so
# that its layer is reused until Cargo.toml or Cargo.lock changes. The target "prebuilt" takes a
# binary that was built elsewhere, named rollcall in the build's context (scripts/image --binary):
# except for who compiled it, the image is the same.

FROM gcr.io/distroless/cc-debian12:nonroot AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rollcall" \
      org.opencontainers.image.description="Completeness reconciliation on Kafka" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
# From the lock file, SBOM tools can tell which crates are in the binary.
COPY LICENSE Cargo.lock /usr/share/doc/rollcall/
# By number: Kubernetes cannot tell whether a user name is root.
USER 65532:65532
ENTRYPOINT ["/usr/bin/rollcall"]

FROM runtime AS prebuilt
COPY rollcall /usr/bin/rollcall

FROM rust:1.95-slim-bookworm AS manifests
# Enough to compile the dependencies: every crate's manifest, with a stand-in for its source.
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN find src -type f ! -name Cargo.toml -delete \
 && find src -name Cargo.toml -execdir touch lib.rs ';' \
 && mkdir -p bench/load bench/stores \
 && echo 'fn main() {}' | tee src/main.rs bench/load/main.rs > bench/stores/main.rs

FROM rust:1.95-slim-bookworm AS rocksdb
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      g++ make pkg-config libssl-dev libclang1-14 libclang-common-14-dev \
 && rm -rf /var/lib/apt/lists/*
# zlib is linked statically: the final image has OpenSSL and the C++ library, but no zlib.
ENV LIBZ_SYS_STATIC=1 CARGO_TERM_COLOR=never
WORKDIR /src
COPY .cargo .cargo
COPY --from=manifests /src ./
RUN cargo fetch --locked
COPY scripts/rocksdb scripts/places.sh scripts/
RUN --mount=type=cache,target=/root/.cache/rollcall,sharing=locked \
    folder=$(scripts/rocksdb) && mkdir /rocksdb && cp "$folder/librocksdb.a" /rocksdb/

FROM rocksdb AS dependencies
ENV ROCKSDB_LIB_DIR=/rocksdb ROCKSDB_STATIC=1
RUN cargo build --release --locked

FROM dependencies AS build
COPY src src
COPY bench bench
COPY manifests manifests
# Cargo compares modification times, and those of the copies may be older than the stand-ins'.
RUN find src bench -name '*.rs' -exec touch {} + \
 && cargo build --release --locked \
 && objcopy --strip-debug target/release/rollcall /rollcall

FROM runtime
COPY --from=build /rollcall /usr/bin/rollcall
