# Rollcall's commands. Each calls a script in scripts/ that says what it does.
# Everything that is downloaded or built is kept in ${XDG_CACHE_HOME:-$HOME/.cache}/rollcall.

.DEFAULT_GOAL := help
.PHONY: help demo demo-step test test-core check build image chart e2e kafka-start kafka-stop simulate bench bench-compare clean-cache

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Orders become shipments on a real Kafka, until Ctrl-C (BOOTSTRAP=host:port for your own)
	@scripts/demo

demo-step: ## The same step by step, with a single order
	@scripts/demo step

test: ## Checks and all tests, those on a real Kafka included
	@scripts/test

test-core: ## The tests of the core and of the simulator: no Kafka, no RocksDB, a few minutes
	@scripts/test-core

check: ## Format, lints, licences, tidiness; no broker
	@scripts/check

build: ## Builds the program and prints its path
	@scripts/build

image: ## Builds the container image (IMAGE=localhost/rollcall:dev)
	@scripts/image

chart: ## Checks the Helm chart and the manifests on a real API server
	@scripts/check-chart

e2e: ## Chart, operator and pods on a real node with a real Kafka, under load (root)
	@scripts/e2e

kafka-start: ## Starts a Kafka for experiments (PORT=9092)
	@scripts/kafka start

kafka-stop: ## Stops it
	@scripts/kafka stop

simulate: ## Runs simulated schedules with crashes (SEEDS=10000 or FIRST..LAST; SEED=n replays one)
	@scripts/simulate $(SEEDS)

bench: ## Measures this build and writes docs/performance.md (SET=main, partitions, fields or quick)
	@scripts/bench $(SET)

bench-compare: ## Measures it against Kafka Streams on the same broker (SET as above)
	@scripts/bench-compare $(SET)

clean-cache: ## Deletes everything that was downloaded or built
	@scripts/clean-cache
