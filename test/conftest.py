# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""For every test: repeatable examples, the learned model, and a ROS graph of its own."""

from contextlib import suppress
import fcntl
from importlib.util import find_spec
import os
from pathlib import Path
import signal
import tempfile

# Before numpy and torch are imported: workers side by side divide the cores.
if 'PYTEST_XDIST_WORKER' in os.environ:
    for library in ('OMP', 'OPENBLAS'):
        os.environ.setdefault(f'{library}_NUM_THREADS', '1')

from hypothesis import HealthCheck, settings  # noqa: E402
import pytest  # noqa: E402

from snake_arm_control.model.forward_model import ForwardModel  # noqa: E402

# The same examples every time, however slow the machine: a failure can be looked at again.
settings.register_profile('repeatable', derandomize=True, deadline=None,
                          suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile('repeatable')


def take_ros_domain():
    """
    Take a ROS domain that no other test process of this machine has until this one ends.

    :return: its number, and the lock to keep
    """
    for domain in range(101, 0, -1):  # those that leave room for their ports; few use the high
        with suppress(OSError):  # taken, or another user's
            lock = open(Path(tempfile.gettempdir(), f'snake_arm_tests_domain_{domain}.lock'), 'w')
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return domain, lock
    raise RuntimeError('each of the ROS domains 1 to 101 is used by other tests')


# A shell starts what it puts in the background with Ctrl-C ignored, nohup ignores a hangup, and so
# would all children be started.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Before rclpy is started: no test sees the nodes of another run on this machine or its network,
# nor those of another worker of this run.
DOMAIN, DOMAIN_LOCK = take_ros_domain()
os.environ['ROS_DOMAIN_ID'] = str(DOMAIN)
# The range LOCALHOST would bring the shared memory back that a killed node may leave locked.
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'SYSTEM_DEFAULT'
FAST_DDS = 'FASTDDS' if find_spec('rclpy') and find_spec('rclpy.experimental') else 'FASTRTPS'
os.environ[f'{FAST_DDS}_DEFAULT_PROFILES_FILE'] = str(  # of Kilted or of Jazzy
    Path(__file__).with_name('data') / 'loopback.xml')

# The files that take longest: workers that begin with them end together.
LONGEST = ('test_page', 'test_nodes', 'test_training', 'test_faults', 'test_surroundings',
           'test_recordings', 'test_bptt', 'test_docs', 'test_types', 'test_lesson',
           'test_reproduction', 'test_loop_rate')


def pytest_collection_modifyitems(items):
    if 'PYTEST_XDIST_WORKER' in os.environ:
        place = {name: index for index, name in enumerate(LONGEST)}
        items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope='module')
def ros():
    """Let this process take part in the ROS graph: for the mark `usefixtures`."""
    rclpy = pytest.importorskip('rclpy')
    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope='session')
def learned():
    """Return the model that ships with the package."""
    return ForwardModel.load()
