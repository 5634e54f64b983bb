# The only entrance. Each target prepares what it needs.
BUN := node_modules/bun/bin/bun.exe
VITEST := $(BUN) --bun node_modules/vitest/vitest.mjs run
SOURCES := $(shell find packages scripts -name '*.ts' -o -name '*.json' -o -name '*.sql' | grep -v node_modules)

.PHONY: help setup build check lint unit test node-sqlite demo bench lock clean

help:
	@echo 'make setup   installs what is missing: Debian packages (as root) and node modules'
	@echo 'make build   bin/archive2 and the commands that are names of it'
	@echo 'make check   format, lint, types, layers, dead code, generated files, unit tests'
	@echo 'make lint    the same without the unit tests'
	@echo 'make test    all tests, with real PostgreSQL and sshd (as root; about 30 minutes)'
	@echo 'make demo    the product at work, in under three minutes (as root)'
	@echo 'make bench   measures beside the peers (as root); CASES=restore for one of them'
	@echo 'make lock    package-lock.json after a change of dependencies'
	@echo 'make clean   removes what was built and installed here'

setup:
	@scripts/setup.sh

build: setup bin/archive2

bin/archive2: $(SOURCES) package-lock.json
	node --import tsx scripts/build.ts

check: lint unit

lint: setup
	node_modules/.bin/biome check .
	node --import tsx scripts/lint-config.ts --check
	node_modules/.bin/tsc --noEmit -p .
	node_modules/.bin/oxlint --type-aware packages scripts test
	node_modules/.bin/knip --include-entry-exports
	node --import tsx scripts/exit-statuses.ts --check

unit: setup
	$(VITEST) --project unit

test: build node-sqlite
	scripts/setup.sh --browser
	$(VITEST) --project unit
	ARCHIVE2_STAND=untimed $(VITEST) --project stand --maxWorkers=2
	ARCHIVE2_STAND=timed $(VITEST) --project stand

# The queue's third store, for Node; its module is compiled here, nothing that ships uses it.
node-sqlite: setup
	scripts/setup.sh --native
	node --import tsx --test test/conformance/node-sqlite-program.ts

demo: build
	$(BUN) scripts/demo.ts

bench: build
	scripts/setup.sh --bench
	$(BUN) scripts/bench.ts $(CASES)

lock:
	npm install --package-lock-only --no-progress
	node --import tsx scripts/complete-lock.ts

clean:
	rm -rf bin coverage node_modules packages/*/node_modules
