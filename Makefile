# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0

PYTHON ?= python3
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
ARGS ?=
# Each worker has a ROS domain of its own, and a file of tests stays with one worker. Nodes wait
# for each other, so there is one worker more than cores.
WORKERS ?= $(if $(ARGS),0,$(shell expr $$(nproc 2>/dev/null || echo 2) + 1))

BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist loadfile \
	--no-loadscope-reorder
# Those that have to do with ROS: what all others test is the same on each line of it.
NODE_TESTS = $(filter-out $(ALIKE:%=test/test_%.py), \
	$(shell grep -lE '^(from|import) .*(rclpy|harness|control\.(ros|nodes))' test/test_*.py))
# The browser, processes, the command line and the texts are the same on each line, too.
ALIKE := page viewer processes cli surroundings docs
INSTALL := $(BIN)/python -m pip install -qq --no-input --disable-pip-version-check \
	--use-pep517 --constraint $(CONSTRAINTS) --editable

# The environment brings its own ROS: one that is sourced in the calling shell stays out of it.
unexport PYTHONPATH PYTHONHOME LD_LIBRARY_PATH AMENT_PREFIX_PATH RMW_IMPLEMENTATION
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

.PHONY: help run test nodes demo-video jazzy kilted soak hostile lint clean
.DELETE_ON_ERROR:

help:
	@echo 'make run    the three nodes, the arm of figure 2, and a page in the browser'
	@echo '            make run ARGS=--no-view ends when the goal is reached'
	@echo 'make test   every test, on all cores; make test ARGS="-k urdf" some, one by one'
	@echo 'make nodes  the tests of the nodes, for which torch is not installed'
	@echo 'make jazzy  every test on the wheels of ROS 2 Jazzy; make kilted on those of Kilted'
	@echo 'make soak   half an hour of random goals and faults; make soak ARGS="--minutes 5"'
	@echo 'make hostile   a million hostile messages; make hostile ARGS="--messages 100000"'
	@echo 'make demo-video   docs/viewer.png and docs/viewer.gif anew; needs chromium'
	@echo 'make lint   style and packaging only'
	@echo 'make clean  remove what these made'
	@echo
	@echo 'The first call sets up $(VENV). PYTHON=python3.12 chooses the interpreter,'
	@echo 'CONSTRAINTS=constraints-jazzy.txt VENV=.venv-jazzy the ROS 2 line.'

run: $(VENV)/.compiled
	$(BIN)/snake-arm up --scenario fig2 \
		$(if $(filter --no-view,$(ARGS)),--until-converged,--view) $(ARGS)

test: $(VENV)/.tested $(VENV)/.compiled
	$(PYTEST) $(ARGS)

nodes: $(VENV)/.tools $(VENV)/.compiled
	$(PYTEST) $(NODE_TESTS) $(ARGS)

# One environment for each line of the distribution.
jazzy:
	$(MAKE) test VENV=.venv-jazzy CONSTRAINTS=constraints-jazzy.txt

kilted:
	$(MAKE) test VENV=.venv CONSTRAINTS=constraints.txt

soak: $(VENV)/.tested $(VENV)/.compiled
	$(BIN)/python test/soak.py $(ARGS)

hostile: $(VENV)/.tested $(VENV)/.compiled
	$(BIN)/python test/hostile.py $(ARGS) 2>/dev/null

demo-video: $(VENV)/.compiled
	$(INSTALL) '.[ros,film]'
	$(BIN)/snake-arm film --out docs $(ARGS)

lint: $(VENV)/.tested
	$(BIN)/python -m pytest -m linter $(ARGS)

clean:
	rm -rf $(VENV) build install log dist *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is touched by the step's last command: a step that was broken off starts again.
$(VENV)/.created:
	@$(PYTHON) -c 'import platform, sys; what = platform.libc_ver()[0], platform.machine(); sys.exit( \
		"Python 3.10 or newer is needed: make PYTHON=..." if sys.version_info < (3, 10) else \
		what != ("glibc", "x86_64") and "ROS 2 comes as wheels for Linux with glibc on x86_64, and this is " + \
		" ".join((sys.platform, *what)) + ": install ROS 2 and build with colcon, as README.md says")'
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created setup.py setup.cfg package.xml $(CONSTRAINTS)
	@echo 'Installing what running needs into $(VENV); the first time takes a minute or two.'
	$(INSTALL) '.[ros,view]'
	@touch $@

$(VENV)/.tools: $(VENV)/.installed
	@echo 'Installing what testing needs into $(VENV).'
	$(INSTALL) '.[plots,ros,view,test]'
	@touch $@

$(VENV)/.tested: $(VENV)/.tools
	@echo 'Installing what training needs into $(VENV); torch is large.'
	$(INSTALL) '.[ros,view,train,test]'
	@touch $@

$(VENV)/.compiled: $(VENV)/.installed $(wildcard snake_arm_control/*/kernels/*.py \
		snake_arm_control/model/*.py snake_arm_control/control/*.py)
	@echo 'Compiling the network and the loop; later starts find them in the cache.'
	$(BIN)/python -c 'from snake_arm_control.control import warm_up; warm_up.compile_everything()'
	@touch $@
