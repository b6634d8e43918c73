# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Faults of a tracker and of a driver.

A fault of a tracker takes stamp [ns] and chain (joints, 9) and returns serialized messages; one of
a driver takes joint states and returns those to publish.
"""

import numpy as np
from sensor_msgs.msg import JointState

from snake_arm_control.ros import chain_messages

_SWAPPED = [0, 1, 2, 3, 25, *range(5, 25), 4, *range(26, 40)]
_ORDER = np.random.default_rng(0).permutation(80)


def sound(stamp, chain):
    """Return the message of a tracker without a fault."""
    return [chain_messages.serialize_chain(chain, stamp)]


def chains(change):
    """Return a fault that changes stamp and chain."""
    return lambda stamp, chain: sound(*change(stamp, chain))


def positions(change):
    """Return a fault that changes the positions (joints, 3) of the chain."""
    return chains(lambda stamp, chain: (stamp, np.hstack((change(chain[:, :3]), chain[:, 3:]))))


def lost(stamp, chain):
    """Return nothing."""
    return []


def frozen():
    """Return a fault that repeats the first chain with new stamps."""
    kept = []

    def fault(stamp, chain):
        kept.append(chain)
        return sound(stamp, kept[0])
    return fault


def late(count):
    """Return a fault that keeps some messages back."""
    waiting = []

    def fault(stamp, chain):
        waiting.append(*sound(stamp, chain))
        return [waiting.pop(0)] if len(waiting) > count else []
    return fault


def shuffled(seed=0):
    """Return a fault that swaps messages with older ones."""
    generator, waiting = np.random.default_rng(seed), []

    def fault(stamp, chain):
        waiting.append(*sound(stamp, chain))
        return [waiting.pop(generator.integers(len(waiting)))] if len(waiting) > 4 else []
    return fault


def sometimes(fraction, fault, seed=0):
    """Return a fault of a fraction of the chains only."""
    generator = np.random.default_rng(seed)
    return lambda stamp, chain: (fault if generator.random() < fraction else sound)(stamp, chain)


in_millimetres = positions(lambda p: 1e3 * p)
y_up = positions(lambda p: p[:, [0, 2, 1]])
a_metre_off = positions(lambda p: p + (1.0, 0.0, 0.0))
of_swapped_joints = chains(lambda stamp, chain: (stamp, chain[_SWAPPED]))


def named(names, positions):
    """Return a fault of joint states that have these names and positions."""
    return lambda m: [JointState(header=m.header, name=names(m), position=positions(m))]


with_one_twice = named(lambda m: [*m.name, m.name[6]], lambda m: [*m.position, 0.5])
without_the_last = named(lambda m: m.name[:-1], lambda m: m.position[:-1])


def in_parts(message):
    """Return joint states in two messages, each with half of the joints."""
    return [JointState(header=message.header, name=message.name[half],
                       position=message.position[half])
            for half in (slice(40), slice(40, None))]


def among_others(message):
    """Return joint states in another order, with a gripper's among them."""
    return [JointState(header=message.header, name=['gripper', *(message.name[i] for i in _ORDER)],
                       position=[np.nan, *(message.position[i] for i in _ORDER)])]
