# Platen. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

CARGO ?= cargo
ENGINE := embedded-clickhouse/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
APT_DEMO := npm gcc
APT_TEST := $(APT_DEMO) mosquitto redis-server snmp snmpd strace nftables iproute2
CONFORMANCE := target/conformance/venv
# coverage without a sanitizer builds on stable; Rust checks bounds and overflows itself
FUZZ := RUSTC_BOOTSTRAP=1 cargo fuzz
FUZZ_FLAGS := -s none --target-dir ../target/fuzz
FUZZ_TARGETS := $(basename $(notdir $(wildcard fuzz/targets/*.rs)))
# a pause of 5 s is a hang (a second is noted as slow), 1 GiB is a blow-up; a payload has at most 16 KiB
FUZZ_LIMITS := -timeout=5 -report_slow_units=1 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 -verbosity=0
RECORDINGS := edge-agent/recordings,analytics/recordings,testbed/recordings

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

.PHONY: demo
demo: engine ## the whole path in one command: 60 printers, 35 days, parts killed on the way, invoices and the proof
	$(CARGO) build --workspace --bins
	./target/debug/demo $(if $(SEED),--seed $(SEED)) $(if $(DAYS),--days $(DAYS)) $(if $(KEEP),--keep)

.PHONY: soak
soak: engine ## every fault at random for an hour, nothing lost: MINUTES=60 SEED=random; two may run side by side
	$(CARGO) build --workspace --bins
	./target/debug/soak $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: drill
drill: engine ## a fleet of agents against one broker (debug binaries): AGENTS=2000 JSON=file
	$(CARGO) build --workspace --bins
	./target/debug/drill $(if $(AGENTS),--agents $(AGENTS)) $(if $(JSON),--json $(JSON))

.PHONY: test
test: engine need-test ## all tests that need nothing outside this repository
	$(CARGO) build --workspace --all-targets
	$(CARGO) test --workspace --no-fail-fast

.PHONY: hardship
hardship: engine need-test ## the edge under hardship alone, with the broker away for 30 days at 1,000 devices
	$(CARGO) build --workspace --bins
	PLATEN_HARDSHIP_LONG=1 $(CARGO) test --package testbed --test it hardship:: -- --test-threads 2 --nocapture

.PHONY: test-recordings
test-recordings: engine ## tests against the recordings and cases in ../shared (or PLATEN_SHARED)
	$(CARGO) test --workspace --features $(RECORDINGS) --test shared_recordings --test shared_cases --test shared_forecast
	$(CARGO) build --workspace --bins
	$(CARGO) test -p testbed --features testbed/recordings --test it shared::

.PHONY: recordings
recordings: ## every recorded printer against what a correct reader must find: shares per field group, each difference with its reason
	$(CARGO) test -p edge-agent --features recordings --test shared_recordings -- --nocapture --test-threads 1 the_table

.PHONY: conformance
conformance: engine ## stock ClickHouse clients against the embedded engine, or URL=http://… USER= PASSWORD_FILE=; needs pip's index
	$(CARGO) build -p embedded-clickhouse
	@test -x $(CONFORMANCE)/bin/python || python3 -m venv $(CONFORMANCE)
	@$(CONFORMANCE)/bin/pip install -q --require-hashes -r tests/conformance/requirements.txt
	$(CONFORMANCE)/bin/python tests/conformance/run.py --cargo "$(CARGO)" \
	  $(if $(URL),--url "$(URL)" --user "$(USER)" --password-file "$(PASSWORD_FILE)")

.PHONY: fuzz
fuzz: ## every fuzz target for a minute; SECONDS=60, TARGET= one of fuzz/targets (needs cargo-fuzz and a C++ compiler)
	@command -v cargo-fuzz >/dev/null || { echo 'cargo-fuzz is missing: cargo install cargo-fuzz --locked'; exit 1; }
	cd fuzz && $(FUZZ) build $(FUZZ_FLAGS) $(TARGET)
	@cd fuzz && for target in $(or $(TARGET),$(FUZZ_TARGETS)); do \
	  echo "── $$target"; mkdir -p ../target/fuzz/corpus/$$target regressions/$$target; \
	  $(FUZZ) run $(FUZZ_FLAGS) $$target ../target/fuzz/corpus/$$target seeds/$$target regressions/$$target -- \
	    -max_total_time=$(or $(SECONDS),60) $(FUZZ_LIMITS) || exit 1; \
	done; rmdir regressions/* 2>/dev/null; \
	if ls artifacts/*/* >/dev/null 2>&1; then echo 'findings:'; ls artifacts/*/*; exit 1; fi

.PHONY: simulate
simulate: ## the protocol's model at random: STEPS (5000000) steps from SEED; see docs/protocol.md
	PLATEN_PROTOCOL_STEPS=$(or $(STEPS),5000000) $(if $(SEED),PLATEN_PROTOCOL_SEED=$(SEED)) \
	  $(CARGO) test -p testbed --test protocol -- --nocapture simulate::

.PHONY: explore
explore: ## every behaviour of the protocol's model within larger bounds than `make test` has; minutes
	PLATEN_PROTOCOL_BOUNDS=large $(CARGO) test -p testbed --test protocol -- --nocapture --test-threads 1 explore::

.PHONY: check
check: lint deny ## formatting, clippy with warnings as errors, bans, licences, sources

.PHONY: lint
lint: ## formatting and clippy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --features $(RECORDINGS) -- -D warnings

.PHONY: deny
deny: ## bans, licences and sources of the dependencies
	@command -v cargo-deny >/dev/null || { echo 'cargo-deny is missing: cargo install cargo-deny --locked'; exit 1; }
	$(CARGO) deny --config .deny.toml check bans licenses sources

.PHONY: advisories
advisories: ## known vulnerabilities, where the advisory database can be reached
	$(CARGO) deny --config .deny.toml check advisories

.PHONY: bench
bench: engine ## figures beside peers and limits from the same run, into BENCHMARKS.md (ONLY=ingest, QUICK=1)
	$(CARGO) build --workspace --bins --profile measured
	./target/measured/bench $(if $(QUICK),--quick) $(foreach name,$(ONLY),--only $(name))

.PHONY: build
build: engine ## all binaries, as the demo and the tests use them
	$(CARGO) build --workspace --bins

.PHONY: release
release: ## small binaries for installing
	$(CARGO) build --workspace --bins --release --exclude testbed

.PHONY: engine
engine: $(ENGINE) ## the ClickHouse engine (libchdb), pinned and checked by its lock file

$(ENGINE): embedded-clickhouse/package-lock.json
	@command -v npm >/dev/null || $(MAKE) --no-print-directory install PACKAGES="$(APT_DEMO)"
	cd embedded-clickhouse && npm ci --no-audit --no-fund
	@touch $@

.PHONY: need-test
need-test:
	@missing=; for tool in mosquitto:mosquitto redis-server:redis-server snmpbulkwalk:snmp snmpd:snmpd \
	    strace:strace nft:nftables ip:iproute2; do \
	  PATH="$$PATH:/usr/sbin" command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool##*:}"; done; \
	if [ -n "$$missing" ]; then $(MAKE) --no-print-directory install PACKAGES="$$missing"; fi

.PHONY: install
install:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(PACKAGES); \
	else \
	  echo "missing system packages; install them with:"; \
	  echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends $(PACKAGES)"; exit 1; fi
