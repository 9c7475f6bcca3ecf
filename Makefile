# The two commands a newcomer needs: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: setup check test test-konnectors demo bench scoreboard vectors lock clean

setup: $(STAMP)

# One stamp, so that set-up is done once and again only when its inputs change.
$(STAMP): requirements.lock pyproject.toml $(wildcard scripts/setup_* \
		demo/konnector/index.js demo/konnector/package-lock.json \
		tests/runner/konnectors.js tests/konnectors/*/index.js \
		tests/pages/package-lock.json tests/pages/react.jsx tests/pages/material.js)
	PYTHON="$(PYTHON)" bash scripts/setup_python.sh
	$(BIN)/python scripts/setup_browser.py
	if [ -f scripts/setup_konnectors.sh ]; then bash scripts/setup_konnectors.sh; fi
	bash scripts/setup_axe.sh
	bash scripts/setup_postgres.sh
	bash scripts/setup_screen.sh
	touch $@

# The second verifier is in Go, and the failing disk in C; only `make test` needs them.
.venv/.go-ready: $(STAMP) scripts/setup_go.sh scripts/setup_faults.sh
	bash scripts/setup_go.sh
	$(BIN)/python -m scripts.go_programs
	bash scripts/setup_faults.sh
	touch $@

# The programs that the tests exchange files with; only `make test` needs them.
.venv/.peers-ready: $(STAMP) scripts/setup_peers.sh scripts/setup_proxies.sh \
		tests/peers/package-lock.json
	bash scripts/setup_peers.sh
	bash scripts/setup_proxies.sh
	touch $@

# What to run before each commit: all but what is slow or needs a browser or Go.
check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -m "not slow and not browser and not go"

# Everything, on as many processes as there are cores, a file at a time. CI runs this.
test: setup .venv/.go-ready .venv/.peers-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	HYPOTHESIS_PROFILE=ci $(BIN)/pytest -q -n auto --dist loadfile

# Konnectors of any folder against the mock sites beside them: docs/test-konnectors.md.
test-konnectors: setup
	$(BIN)/python -m scripts.test_konnectors "$(or $(CLISK_KONNECTORS),tests/konnectors)"

demo: setup
	$(BIN)/python -m demo

bench: setup
	$(BIN)/python -m benchmarks

# Attacks on the access log and what two verifiers make of them; attacks by the relay,
# on a weak model and on devices of ours. FULL=1 also takes each guard out.
scoreboard: setup .venv/.go-ready
	$(BIN)/python -m attacks $(if $(FULL),--full)
	$(BIN)/python -m tests.attacks
	$(if $(FULL),$(BIN)/python -m tests.attacks.mutations)

# Rebuild every test vector and JSON schema; git must be clean afterwards.
vectors: setup
	$(BIN)/python -m protocol.build
	$(BIN)/python -m scripts.json_schemas
	$(BIN)/python -m scripts.program_pages

# Only for whoever changes a dependency: needs uv. CONTRIBUTING.md says why.
lock:
	uv pip compile --quiet --universal --python-version 3.11 \
		--prerelease if-necessary-or-explicit --generate-hashes \
		--no-emit-index-url --no-header --extra dev \
		pyproject.toml --output-file requirements.lock

clean:
	rm -rf .venv build dist demo/out .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name node_modules -prune -exec rm -rf {} +
	find . -name __pycache__ -prune -exec rm -rf {} +
