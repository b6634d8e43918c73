# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of recordings: what is written is what was said, and what is read is what it means."""

from contextlib import contextmanager
from importlib import import_module
import math
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from weakref import WeakSet

import numpy as np
from patience import PATIENCE, wait_for
import pytest
import yaml

pytest.importorskip('mcap_ros2')

from mcap.reader import make_reader  # noqa: E402, I100
from mcap.writer import CompressionType  # noqa: E402
from mcap_ros2.decoder import DecoderFactory  # noqa: E402
from mcap_ros2.writer import Writer  # noqa: E402
import zstandard  # noqa: E402

from snake_arm_control.arm import pose  # noqa: E402
from snake_arm_control.arm.description import Arm  # noqa: E402
from snake_arm_control.arm.kinematics import forward_kinematics  # noqa: E402
from snake_arm_control.cli import main  # noqa: E402
from snake_arm_control.control.goal import Goal  # noqa: E402
from snake_arm_control.errors import MissingPackageError, RecordingError, ShapeError  # noqa: E402
from snake_arm_control.training import recordings  # noqa: E402
from snake_arm_control.training.messages import messages  # noqa: E402
from snake_arm_control.training.recordings import read  # noqa: E402
from snake_arm_control.training.samples import join, Samples  # noqa: E402

ARM = Arm.uniform(joints=3)
MS = 10**6  # [ns]
BEGIN = 1_700_000_000 * 10**9  # [ns]
ON_THE_WAY = 60_000  # [ns], from a publisher to the recorder
HEADER = 'std_msgs/Header header\n'
PARTS = f"""{'=' * 80}
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
{'=' * 80}
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
JOINT_STATE = ('sensor_msgs/msg/JointState', HEADER + 'string[] name\nfloat64[] position\n'
               f'float64[] velocity\nfloat64[] effort\n{PARTS}')
POSE_ARRAY = ('geometry_msgs/msg/PoseArray', HEADER + f"""Pose[] poses
{PARTS}{'=' * 80}
MSG: geometry_msgs/Pose
Point position
Quaternion orientation
{'=' * 80}
MSG: geometry_msgs/Point
float64 x
float64 y
float64 z
{'=' * 80}
MSG: geometry_msgs/Quaternion
float64 x
float64 y
float64 z
float64 w
""")
STRING = ('std_msgs/msg/String', 'string data\n')


class Tape:
    """Writes recordings as ros2 bag does, from what is known of an arm."""

    def __init__(self, path, arm=ARM, prefix='', **writer):
        self.path, self.arm, self.prefix = path, arm, prefix
        self._file = open(path, 'wb')
        self._writer = Writer(self._file, **writer)
        self._schemas = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._writer.finish()
        self._file.close()

    def write(self, topic, kind, content, published, received=None):
        if kind not in self._schemas:
            self._schemas[kind] = self._writer.register_msgdef(*kind)
        received = published + ON_THE_WAY if received is None else received
        self._writer.write_message(f'{self.prefix}/{topic}', self._schemas[kind], content,
                                   received, published)

    def states(self, stamp, angles, published=None, names=None, topic='joint_states',
               received=None):
        names = list(names or self.arm.joint_names)
        self.write(topic, JOINT_STATE, {
            'header': header(stamp), 'name': names, 'position': list(np.ravel(angles)),
            'velocity': [], 'effort': []}, stamp if published is None else published, received)

    def chain(self, stamp, chain, published=None, frame='base_link'):
        orientations, positions = pose.to_quaternion(chain)
        self.poses(stamp, np.hstack((positions, orientations)), published, frame)

    def poses(self, stamp, numbers, published=None, frame='base_link'):
        poses = [{'position': dict(zip('xyz', row[:3])), 'orientation': dict(zip('xyzw', row[3:]))}
                 for row in np.asarray(numbers, dtype=float).tolist()]
        self.write('pose_chain', POSE_ARRAY, {'header': header(stamp, frame), 'poses': poses},
                   stamp if published is None else published)


def header(stamp, frame=''):
    return {'stamp': {'sec': stamp // 10**9, 'nanosec': stamp % 10**9}, 'frame_id': frame}


def bends(count, arm=ARM, seed=0):
    return np.random.default_rng(seed).uniform(-0.7, 0.7, (count, arm.joints, 2))


def tracked(path, count=20, arm=ARM, **writer):
    """Write what a tracker says of an arm, and return its angles and chains."""
    angles = bends(count, arm)
    chains = forward_kinematics(arm, angles)
    with Tape(path, arm, **writer) as tape:
        for i, (a, chain) in enumerate(zip(angles, chains)):
            tape.states(BEGIN + 10 * i * MS, a)
            tape.chain(BEGIN + 10 * i * MS, chain)
    return angles, chains


# What a recording means


@pytest.mark.parametrize('compression', CompressionType)
def test_angles_and_chains_come_back(tmp_path, compression):
    """Poses that were measured as the joint states were are those of their angles."""
    angles, chains = tracked(tmp_path / 'a.mcap', compression=compression)
    recording = read(tmp_path / 'a.mcap', ARM)
    np.testing.assert_array_equal(recording.angles, angles)
    np.testing.assert_allclose(recording.chains, chains, atol=1e-12)
    np.testing.assert_allclose(recording.times, 0.01 * np.arange(20))
    assert recording.duration == pytest.approx(0.19)


def test_a_pose_between_two_joint_states_has_the_angles_between_them(tmp_path):
    """Whatever the order and the delays in which they came."""
    first, last = bends(2)
    with Tape(tmp_path / 'a.mcap') as tape:
        tape.chain(BEGIN + 3 * MS, forward_kinematics(ARM, first), published=BEGIN + 90 * MS)
        tape.states(BEGIN + 10 * MS, last)
        tape.states(BEGIN, first, published=BEGIN + 50 * MS)
    recording = read(tmp_path / 'a.mcap', ARM)
    np.testing.assert_allclose(recording.angles, [first + 0.3 * (last - first)], atol=1e-12)


def test_poses_away_from_joint_states_are_left_out(tmp_path):
    """Before the first, after the last, and in a gap of the encoders."""
    angles = bends(4)
    with Tape(tmp_path / 'a.mcap') as tape:
        for at, a in zip((0, 50, 500, 550), angles):
            tape.states(BEGIN + at * MS, a)
        for at in (-1, 0, 25, 300, 500, 550, 551):
            tape.chain(BEGIN + at * MS, forward_kinematics(ARM, angles[0]))
    recording = read(tmp_path / 'a.mcap', ARM)
    np.testing.assert_allclose(recording.times, (0.0, 0.025, 0.5, 0.55))
    np.testing.assert_allclose(recording.angles[2:], angles[2:])


def test_a_chain_that_answers_a_command_belongs_to_the_joint_states_of_that_moment(tmp_path):
    """
    As the simulator answers, which is late at times, loses chains, and repeats the last stamp.

    By their stamps alone, chains would belong to angles that the arm had long left.
    """
    random = np.random.default_rng(1)
    angles = bends(200)
    now, expected = BEGIN, []
    with Tape(tmp_path / 'a.mcap') as tape:
        for i, a in enumerate(angles):
            command = BEGIN + 5 * i * MS
            now = max(now + 400_000, command + (9 * MS if 50 < i < 60 else 300_000))
            tape.states(command, a, topic='joint_command')
            tape.states(now, a)
            if random.random() < 0.9:
                tape.chain(command, forward_kinematics(ARM, a),
                           published=now + int(random.uniform(150_000, 250_000)))
                expected.append(a)
        tape.states(now + 30 * MS, angles[0])
        tape.chain(command, forward_kinematics(ARM, angles[0]), published=now + 30_200_000)
    recording = read(tmp_path / 'a.mcap', ARM)
    np.testing.assert_array_equal(recording.angles, [*expected, angles[0]])
    np.testing.assert_allclose(recording.chains, forward_kinematics(ARM, recording.angles),
                               atol=1e-12)


def test_joints_are_found_by_their_names(tmp_path):
    """In any order, among others, and beside messages of devices that are not the arm."""
    angles = bends(1)[0]
    order = np.random.default_rng(2).permutation(ARM.dof + 1)
    names = np.array([*ARM.joint_names, 'gripper'])[order].tolist()
    with Tape(tmp_path / 'a.mcap') as tape:
        tape.states(BEGIN, np.append(angles, 9.0)[order], names=names)
        tape.states(BEGIN + MS, [9.0], names=['gripper'])
        tape.states(BEGIN + 2 * MS, np.full((3, 2), math.nan))
        tape.states(BEGIN + 8 * MS, np.append(angles, 9.0)[order], names=names)
        tape.chain(BEGIN + MS, forward_kinematics(ARM, angles))
    np.testing.assert_allclose(read(tmp_path / 'a.mcap', ARM).angles, [angles], atol=1e-15)


def test_joint_states_in_parts_are_put_together_at_the_time_of_the_pose(tmp_path):
    """Each joint is interpolated between the messages that name it, however many do."""
    first, last = bends(2).reshape(2, -1)
    names = ARM.joint_names
    with Tape(tmp_path / 'a.mcap') as tape:
        for at in range(0, 30, 10):
            for part, late in (slice(4), 0), (slice(4, None), 3), (slice(5, None), 7):
                fraction = (at + late) / 20
                tape.states(BEGIN + (at + late) * MS, (first + fraction * (last - first))[part],
                            names=names[part])
        tape.chain(BEGIN + 12 * MS, forward_kinematics(ARM, bends(1)[0]))
    (angles,) = read(tmp_path / 'a.mcap', ARM).angles
    np.testing.assert_allclose(angles.ravel(), first + 0.6 * (last - first), atol=1e-12)


def test_by_a_clock_that_ticks_slowly_a_chain_belongs_to_the_joint_states_of_its_stamp(tmp_path):
    """Although commands carry the same stamps, and messages come in any order."""
    angles = bends(20)
    with Tape(tmp_path / 'a.mcap') as tape:
        for i, a in enumerate(angles):
            stamp, now = BEGIN + 10 * i * MS, BEGIN + 100 * i * MS
            tape.chain(stamp, forward_kinematics(ARM, a), published=now)
            tape.states(stamp, angles[i - 1], topic='joint_command', published=now + MS)
            tape.states(stamp, a, published=now + 20 * MS)
    np.testing.assert_allclose(read(tmp_path / 'a.mcap', ARM).angles, angles, atol=1e-12)


def test_what_was_not_measured_is_not_a_number(tmp_path):
    """A pose of NaN stays one; of an orientation without a length only the position is known."""
    angles, (chain,) = bends(1)[0], forward_kinematics(ARM, bends(1))
    orientations, positions = pose.to_quaternion(chain)
    numbers = np.hstack((positions, orientations))
    numbers[0] = math.nan
    numbers[1, 3:] = 0.0
    with Tape(tmp_path / 'a.mcap') as tape:
        tape.states(BEGIN, angles)
        tape.poses(BEGIN, numbers)
    chains = read(tmp_path / 'a.mcap', ARM).chains[0]
    assert np.isnan(chains[0]).all() and np.isnan(chains[1, 3:]).all()
    np.testing.assert_allclose(chains[1, :3], chain[1, :3])
    np.testing.assert_allclose(chains[2], chain[2], atol=1e-12)


@pytest.mark.parametrize('joints', [(3,), (1, 3), (2, 1)])
def test_some_joints_are_tracked_or_looked_at(tmp_path, joints):
    """In the order in which they are named; the others are not numbers."""
    angles, (chain,) = bends(1)[0], forward_kinematics(ARM, bends(1))
    rows = [j - 1 for j in joints]
    with Tape(tmp_path / 'a.mcap') as some, Tape(tmp_path / 'b.mcap') as every:
        for tape, measured in (some, chain[rows]), (every, chain):
            tape.states(BEGIN, angles)
            tape.chain(BEGIN, measured)
    for name in 'ab':
        seen = read(tmp_path / f'{name}.mcap', ARM, joints).chains[0]
        np.testing.assert_allclose(seen[rows], chain[rows], atol=1e-12)
        assert np.isnan(np.delete(seen, rows, axis=0)).all()
    with pytest.raises(RecordingError, match=f'has {len(joints)} poses, expected 3'):
        read(tmp_path / 'a.mcap', ARM)
    with pytest.raises(RecordingError, match='tracked joints are 3, 4'):
        read(tmp_path / 'a.mcap', ARM, (3, 4))


def test_a_rosbag2_folder_is_one_recording(tmp_path):
    """Its files one after the other, whatever else lies there."""
    angles = bends(2)
    for number, a in enumerate(angles):
        with Tape(tmp_path / f'bag_{number}.mcap') as tape:
            tape.states(BEGIN + number * MS, a)
            tape.chain(BEGIN + number * MS, forward_kinematics(ARM, a))
    (tmp_path / 'metadata.yaml').write_text('rosbag2_bagfile_information: {}\n')
    np.testing.assert_array_equal(read(tmp_path, ARM).angles, angles)


def test_of_several_arms_one_is_named(tmp_path):
    angles = bends(2)
    with open(tmp_path / 'a.mcap', 'wb') as file, Writer(file) as writer:
        for prefix, a in zip(('/left', '/right'), angles):
            tape = Tape.__new__(Tape)
            tape.arm, tape.prefix, tape._writer, tape._schemas = ARM, prefix, writer, {}
            tape.states(BEGIN, a)
            tape.chain(BEGIN, forward_kinematics(ARM, a))
    np.testing.assert_array_equal(read(tmp_path / 'a.mcap', ARM, namespace='right').angles,
                                  angles[1:])
    with pytest.raises(RecordingError, match='several arms, /left/joint_states, /right/'):
        read(tmp_path / 'a.mcap', ARM)
    with pytest.raises(RecordingError, match='no messages of joint_states, but of /left/joint_'):
        read(tmp_path / 'a.mcap', ARM, namespace='/middle')


# What is no recording of the arm


@pytest.mark.parametrize(('content', 'reason'), [
    (b'', 'no MCAP file'), (b'SQLite format 3\0' * 100, 'no MCAP file'),
    (None, 'can not be read')])
def test_other_files_are_refused(tmp_path, content, reason):
    if content is not None:
        (tmp_path / 'a.mcap').write_bytes(content)
    with pytest.raises(RecordingError, match=reason):
        read(tmp_path / 'a.mcap', ARM)


def test_a_folder_without_mcap_files_is_refused(tmp_path):
    (tmp_path / 'bag_0.db3').write_bytes(b'SQLite format 3\0')
    with pytest.raises(RecordingError, match=r'without an MCAP file'):
        read(tmp_path, ARM)


@pytest.mark.parametrize('compression', CompressionType)
def test_a_file_cut_off_anywhere_holds_what_is_whole_in_it(tmp_path, compression, caplog):
    """Or is refused with the reason, if that is nothing."""
    tracked(tmp_path / 'a.mcap', compression=compression, chunk_size=2000)
    whole = (tmp_path / 'a.mcap').read_bytes()
    samples = []
    for length in range(0, len(whole), 97):
        (tmp_path / 'a.mcap').write_bytes(whole[:length])
        try:
            samples.append(len(read(tmp_path / 'a.mcap', ARM)))
        except RecordingError as error:
            assert re.search(r'no MCAP file|no messages of', str(error))
            samples.append(0)
    assert samples == sorted(samples) and samples[0] == 0 and samples[-1] == 20
    assert 'cut off or damaged' in caplog.text


def test_a_damaged_chunk_ends_what_can_be_read(tmp_path, caplog):
    tracked(tmp_path / 'a.mcap', chunk_size=2000)
    data = bytearray((tmp_path / 'a.mcap').read_bytes())
    data[len(data) // 2] ^= 0xff
    (tmp_path / 'a.mcap').write_bytes(data)
    assert 0 < len(read(tmp_path / 'a.mcap', ARM)) < 20
    assert 'cut off or damaged' in caplog.text


@pytest.mark.parametrize('says', (100, 2**62))
def test_a_chunk_that_unpacks_to_more_than_recorders_pack_ends_what_can_be_read(tmp_path, says):
    """A few kilobytes of it would take all memory."""
    path = tmp_path / 'run.mcap'
    tracked(path)
    whole = path.read_bytes()
    packed = zstandard.compress(bytes(2**28 + 1) if says == 100 else b'0')
    chunk = struct.pack('<QQQII', 0, 0, says, 0, 4) + b'zstd' + struct.pack(
        '<Q', len(packed)) + packed
    start = whole.index(b'\x06', 8)  # behind the header: the first chunk
    assert len(packed) < 20000
    path.write_bytes(whole[:start] + b'\x06' + struct.pack('<Q', len(chunk)) + chunk)
    with pytest.raises(RecordingError, match='unpacks to .* bytes, expected 268435456 at most'):
        list(messages(path))


def test_messages_of_other_topics_are_not_kept(tmp_path, monkeypatch):
    """A recording may hold hours of a camera's images."""
    path = tmp_path / 'run.mcap'
    tracked(path)
    alive, most = WeakSet(), []

    class Image:
        """Stands for the message of a camera."""

    def with_images(path):
        for message in messages(path):
            yield message
        for _ in range(100):
            image = Image()
            alive.add(image)
            yield message._replace(topic='/camera/image', data=image)
            del image
            most.append(len(alive))

    monkeypatch.setattr(recordings, 'messages', with_images)
    read(path, ARM)
    assert len(most) == 100 and max(most) <= 2


def bad_pose(change):
    """Return what writes a pose chain in which the pose of link_2 is changed."""
    def write(tape, stamp, chain):
        orientations, positions = pose.to_quaternion(chain)
        numbers = np.hstack((positions, orientations))
        numbers[1] = change(numbers[1])
        tape.poses(stamp, numbers)
    return write


def bad_states(names=ARM.joint_names, positions=ARM.dof * [0.0]):
    return lambda tape, stamp, chain: tape.states(stamp, positions, names=names)


@pytest.mark.parametrize(('write', 'reason'), (
    (bad_pose(lambda pose: [math.inf, *pose[1:]]), 'the position of link_2 is infinite'),
    (bad_pose(lambda pose: [math.nan, *pose[1:]]), 'the position of link_2 is infinite, or NaN'),
    (bad_pose(lambda pose: [*pose[:6], -math.inf]), 'the orientation of link_2 is infinite'),
    (bad_pose(lambda pose: [1e300, *pose[1:]]), 'link_2 is further than'),
    (lambda tape, stamp, chain: tape.chain(stamp, chain, frame='map'), "in the frame 'map'"),
    (lambda tape, stamp, chain: tape.chain(stamp, chain[1:]), 'has 2 poses, expected 3'),
    (bad_states(positions=[0.0, math.inf, 0.0, 0.0, 0.0, 0.0]), 'joint_1_y is at inf'),
    (bad_states(positions=[0.0, 0.0, 1e300, 0.0, 0.0, 0.0]), 'joint_2_x is at 1e.300'),
    (bad_states(positions=[0.0]), '6 joints are named, with 1 positions'),
    (bad_states((*ARM.joint_names, 'joint_1_x'), 7 * [0.0]), 'joint_1_x is named twice')))
def test_a_message_that_can_not_be_the_arms_is_left_out_and_counted(tmp_path, caplog, write,
                                                                    reason):
    """And all others are taken as if it were not there."""
    angles = bends(20)
    with Tape(tmp_path / 'a.mcap') as tape:
        for i, (a, chain) in enumerate(zip(angles, forward_kinematics(ARM, angles))):
            stamp = BEGIN + 10 * i * MS
            tape.states(stamp, a)
            tape.chain(stamp, chain)
            if i in (3, 7):
                write(tape, stamp + 5 * MS, chain)
    np.testing.assert_array_equal(read(tmp_path / 'a.mcap', ARM).angles, angles)
    assert re.search(f'a.mcap: 2 of 22 messages of /.* are left out, 2 for: {reason}', caplog.text)


def test_one_bad_pose_spoils_no_evaluation(tmp_path, capsys, caplog):
    pytest.importorskip('torch')
    angles = bends(20)
    with Tape(tmp_path / 'a.mcap') as tape:
        for i, (a, chain) in enumerate(zip(angles, forward_kinematics(ARM, angles))):
            tape.states(BEGIN + 10 * i * MS, a)
            (bad_pose(lambda pose: math.inf * pose) if i == 7 else Tape.chain)(
                tape, BEGIN + 10 * i * MS, chain)
    assert main(['evaluate', '--data', str(tmp_path / 'a.mcap'), '--joints', '3']) == 0
    said = capsys.readouterr().out
    assert said.startswith('19 samples') and not re.search('nan|inf', said)
    assert 'link_2 is infinite' in caplog.text


def test_stamps_of_commands_whose_publication_times_a_conversion_has_lost_are_refused(tmp_path):
    """Which joint states belong to such a chain would be a guess."""
    with Tape(tmp_path / 'a.mcap') as tape:
        for i, a in enumerate(bends(20)):
            command, now = BEGIN + 5 * i * MS, BEGIN + 5 * i * MS + 400_000
            tape.states(command, a, topic='joint_command')
            tape.states(now, a, received=now)
            tape.chain(command, forward_kinematics(ARM, a), published=now + 200_000)
    with pytest.raises(RecordingError, match='when messages were published is lost'):
        read(tmp_path / 'a.mcap', ARM)


@pytest.mark.parametrize(('text', 'reason'), (
    ('', 'its schema is empty'), (' \n', 'its schema is empty'),
    ('int32 other', "its schema is of something else: .*'header'"),
    ('std_msgs/Header header', 'Message definition not found'),
    ('JointState header\nJointState other', ''), ('no definition !', ''), (b'\xff\xfe', ''),
    (None, 'of the type unknown, expected sensor_msgs/msg/JointState')))
def test_a_schema_that_does_not_describe_its_messages_is_the_reason(tmp_path, caplog, text,
                                                                    reason):
    """In one line, said once; None: there is no schema."""
    from mcap.writer import Writer as PlainWriter
    tracked(tmp_path / 'whole.mcap')
    with open(tmp_path / 'a.mcap', 'wb') as file:
        writer = PlainWriter(file)
        writer.start(profile='ros2')
        text = text.encode() if isinstance(text, str) else text
        channels = {}
        for message in messages(tmp_path / 'whole.mcap'):
            if message.topic not in channels:
                schema = 0 if text is None else writer.register_schema(
                    message.kind, 'ros2msg', text)
                channels[message.topic] = writer.register_channel(message.topic, 'cdr', schema)
            writer.add_message(channels[message.topic], BEGIN, message.data, BEGIN)
        writer.finish()
    with pytest.raises(RecordingError, match=reason or 'can not be read as') as refused:
        read(tmp_path / 'a.mcap', ARM)
    assert len(str(refused.value).splitlines()) == 1 and not caplog.text


def wrong_type(tape):
    tape.write('joint_states', STRING, {'data': 'hello'}, BEGIN)
    tape.chain(BEGIN, forward_kinematics(ARM, bends(1)[0]))


def other_joints(tape):
    tape.states(BEGIN, [0.0, 0.0], names=['shoulder', 'elbow'])
    tape.chain(BEGIN, forward_kinematics(ARM, bends(1)[0]))


def other_frame(tape):
    tape.states(BEGIN, bends(1)[0])
    tape.chain(BEGIN, forward_kinematics(ARM, bends(1)[0]), frame='camera')


def other_clock(tape):
    tape.states(BEGIN, bends(1)[0])
    tape.chain(BEGIN + 10**12, forward_kinematics(ARM, bends(1)[0]))


def other_length(tape):
    tape.states(BEGIN, bends(1)[0])
    tape.poses(BEGIN, np.zeros((5, 7)))


@pytest.mark.parametrize(('say', 'reason'), [
    (lambda tape: tape.write('chatter', STRING, {'data': ''}, BEGIN),
     'no messages of joint_states, but of /chatter'),
    (lambda tape: tape.states(BEGIN, bends(1)[0]), 'no messages of pose_chain, but of /joint_'),
    (wrong_type, r'of the type std_msgs/msg/String, expected sensor_msgs/msg/JointState'),
    (other_joints, r'each of the 6 joints joint_1_x to joint_3_y, but of 2: shoulder, elbow'),
    (other_frame, r"in the frame 'camera', expected 'base_link'"),
    (other_clock, r'are the clocks the same'),
    (other_length, r'has 5 poses, expected 3')])
def test_a_recording_of_something_else_is_refused_with_the_reason(tmp_path, say, reason):
    with Tape(tmp_path / 'a.mcap') as tape:
        say(tape)
    with pytest.raises(RecordingError, match=reason):
        read(tmp_path / 'a.mcap', ARM)


def test_messages_that_can_not_be_decoded_are_refused(tmp_path):
    """Such as those that rosbag2 compresses one by one."""
    from mcap.writer import Writer as PlainWriter
    with open(tmp_path / 'a.mcap', 'wb') as file:
        writer = PlainWriter(file)
        writer.start(profile='ros2')
        for topic, (name, text) in (('/joint_states', JOINT_STATE), ('/pose_chain', POSE_ARRAY)):
            schema = writer.register_schema(name, 'ros2msg', text.encode())
            channel = writer.register_channel(topic, 'cdr', schema)
            writer.add_message(channel, BEGIN, b'\x28\xb5\x2f\xfd' * 3, BEGIN)
        writer.finish()
    with pytest.raises(RecordingError, match='can not be read as sensor_msgs/msg/JointState'):
        read(tmp_path / 'a.mcap', ARM)


def test_without_the_library_the_error_names_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'mcap_ros2', None)
    with pytest.raises(MissingPackageError, match=r'mcap_ros2.*snake_arm_control\[record\]'):
        read(tmp_path / 'a.mcap', ARM)
    assert main(['record', '--out', str(tmp_path / 'a.mcap')]) == 1
    assert 'snake_arm_control[record]' in capsys.readouterr().err


# Samples


def samples(times, angles):
    angles = np.asarray(angles, dtype=float)
    return Samples(np.asarray(times, dtype=float), angles,
                     forward_kinematics(Arm.uniform(angles.shape[1]), angles))


def test_a_recording_is_split_by_time_and_not_by_samples():
    recording = samples([0.0, 7.0, 8.0, 8.5, 9.0, 10.0], bends(6))
    before, after = recording.split(0.2)
    np.testing.assert_array_equal(before.times, [0.0, 7.0])
    np.testing.assert_array_equal(after.times, [8.0, 8.5, 9.0, 10.0])
    np.testing.assert_array_equal(after.angles, recording.angles[2:])


def test_an_arm_that_stands_still_counts_once():
    """However slowly it creeps on, it counts again when it has moved."""
    creeping = np.zeros((101, 3, 2))
    creeping[:, 1, 0] = np.radians(np.linspace(0.0, 2.0, 101))
    kept = np.degrees(samples(np.arange(101), creeping).moving().angles[:, 1, 0])
    assert kept[0] == 0.0 and kept[-1] > 1.4
    assert ((np.diff(kept) >= 0.5) & (np.diff(kept) < 0.521)).all()
    assert len(samples(np.arange(9), np.zeros((9, 3, 2))).moving()) == 1


def test_joined_recordings_follow_each_other():
    first, second = samples([5.0, 6.0], bends(2)), samples([1.0, 4.0], bends(2, seed=1))
    both = join([first, second])
    np.testing.assert_array_equal(both.times, [0.0, 1.0, 1.0, 4.0])
    np.testing.assert_array_equal(both.chains, [*first.chains, *second.chains])
    assert both.duration == first.duration + second.duration


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match='chains'):
        Samples(np.zeros(2), np.zeros((2, 3, 2)), np.zeros((2, 4, 9)))


# The recorder, over a real DDS


@pytest.fixture
def node():
    rclpy = pytest.importorskip('rclpy')
    rclpy.init()
    node = rclpy.create_node('test')
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def snake_arm(*arguments, **options):
    code = 'import sys; from snake_arm_control.cli import main; sys.exit(main(sys.argv[1:]))'
    return subprocess.Popen((sys.executable, '-c', code, *map(str, arguments)), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


@contextmanager
def recorder(*arguments):
    """Run snake-arm record, and kill it if it has not ended by itself."""
    child = snake_arm('record', '--joints', ARM.joints, *arguments)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


class Robot:
    """
    Says what an arm and its tracker would.

    It keeps all of it, lest the machine be too busy to carry a message before it is forgotten.
    """

    def __init__(self, node, qos=10_000):
        from geometry_msgs.msg import PoseArray
        from sensor_msgs.msg import JointState
        self.publishers = [node.create_publisher(JointState, 'joint_states', qos),
                           node.create_publisher(PoseArray, 'pose_chain', qos)]
        self.angles = bends(50)
        self.said = 0

    def has_listener(self):
        return all(publisher.get_subscription_count() for publisher in self.publishers)

    def say(self, count, period=0.0):
        from snake_arm_control.ros import chain_messages, joint_messages
        for _ in range(count):
            angles, stamp = self.angles[self.said % 50], BEGIN + self.said * MS
            states, chains = self.publishers
            states.publish(joint_messages.angles_to_joint_state(ARM, stamp, angles))
            chains.publish(chain_messages.serialize_chain(forward_kinematics(ARM, angles), stamp))
            self.said += 1
            time.sleep(period)


def example(kind):
    """Return a message with something in each field, lists of two."""
    values = {'double': 0.5, 'float': 0.5, 'string': 'text', 'boolean': True, 'octet': b'\1'}
    message = kind()
    for name, text in message.get_fields_and_field_types().items():
        part = re.sub(r'sequence<(.*)>|\[\d+\]', r'\1', text)
        if '/' in part:
            package, inner = part.split('/')
            value = example(getattr(import_module(f'{package}.msg'), inner))
        else:
            value = values.get(part, 7)
        setattr(message, name, [value, value] if part != text else value)
    return message


def fields_of(message):
    """Return the fields of a message of either library as plain values."""
    if isinstance(message, (str, int, float)):
        return message
    if isinstance(message, bytes) and len(message) == 1:  # an octet of rclpy
        return message[0]
    if hasattr(message, '__len__'):
        return [fields_of(each) for each in message]
    kept = getattr(message, 'get_fields_and_field_types', lambda: message.__slots__)
    return {name: fields_of(getattr(message, name)) for name in kept()}


def test_every_recorded_type_is_read_back_as_it_was(tmp_path):
    """The definitions that are written beside messages let anyone decode them."""
    pytest.importorskip('rclpy')
    from rclpy.serialization import serialize_message

    from snake_arm_control.nodes.recorder import RECORDED
    from snake_arm_control.ros import topics
    from snake_arm_control.ros.bag import Bag
    with Bag(tmp_path / 'a.mcap') as bag:
        for number, (topic, kind) in enumerate(RECORDED.items()):
            bag.add_topic(topic, kind, topics.LATCHED)
            bag.write(topic, serialize_message(example(kind)), BEGIN + 1, BEGIN, number)
    with open(tmp_path / 'a.mcap', 'rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == 'ros2'
        decoded = list(reader.iter_decoded_messages(log_time_order=False))
    assert len(decoded) == len(RECORDED)
    for (schema, channel, message, content), (topic, kind) in zip(decoded, RECORDED.items()):
        package = kind.__module__.split('.')[0]
        assert (channel.topic, schema.name) == (topic, f'{package}/msg/{kind.__name__}')
        assert (message.publish_time, message.log_time) == (BEGIN, BEGIN + 1)
        assert fields_of(content) == fields_of(example(kind))
        (qos,) = yaml.safe_load(channel.metadata['offered_qos_profiles'])
        assert (qos['reliability'], qos['durability']) == ('reliable', 'transient_local')


def test_a_kilohertz_is_recorded_without_a_loss(tmp_path, node):
    """Each message once, in its order, when it was published and received."""
    path = tmp_path / 'a.mcap'
    robot = Robot(node)
    with recorder('--out', path) as child:
        wait_for(robot.has_listener, 'the recorder')
        robot.say(3000, period=0.001)
        time.sleep(1.0)
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, said
    assert '3000 joint_states' in said and '3000 pose_chain' in said
    assert '3000 pairs of angles and poses' in said and 'lost' not in said
    recording = read(path, ARM)
    np.testing.assert_array_equal(recording.angles, np.tile(robot.angles, (60, 1, 1)))
    written = [message for message in messages(path) if message.topic == '/pose_chain']
    assert all(0 <= message.received - message.published < 10**10 for message in written)
    published = [message.published for message in written]
    assert published == sorted(set(published))


@pytest.mark.parametrize('number', (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
def test_a_signal_finishes_the_file(number, tmp_path, node):
    path = tmp_path / 'a.mcap'
    robot = Robot(node)
    with recorder('--out', path) as child:
        wait_for(robot.has_listener, 'the recorder')
        robot.say(100)
        child.send_signal(number)
        child.communicate(timeout=PATIENCE)
    with open(path, 'rb') as file:
        summary = make_reader(file).get_summary()  # which stands at the end
    assert summary.statistics.message_count == len(list(messages(path)))


def test_a_recorder_that_is_killed_leaves_what_it_wrote(tmp_path, node):
    path = tmp_path / 'a.mcap'
    robot = Robot(node)
    with recorder('--out', path) as child:
        wait_for(robot.has_listener, 'the recorder')
        robot.say(3000)
        wait_for(lambda: path.stat().st_size > 100_000, 'the first chunks')
        child.kill()
        child.wait()
    recording = read(path, ARM)
    assert 100 < len(recording) <= 3000
    np.testing.assert_array_equal(recording.angles[:50], robot.angles)


def test_a_best_effort_tracker_is_recorded_too(tmp_path, node):
    from rclpy.qos import qos_profile_sensor_data
    path = tmp_path / 'a.mcap'
    robot = Robot(node, qos_profile_sensor_data)
    with recorder('--out', path, '--duration', 30) as child:
        wait_for(robot.has_listener, 'the recorder')
        robot.say(200, period=0.005)
        child.terminate()
        said, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, said
    assert len(read(path, ARM)) > 100


def test_silent_topics_are_reported_while_recording_and_no_pairs_at_the_end(tmp_path):
    pytest.importorskip('rclpy')
    with recorder('--out', tmp_path / 'a.mcap', '--duration', 3, '--explore', 1) as child:
        said, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert 'nobody publishes goal_pose, clicked_point, joint_command, joint_states' in said
    assert 'no controller listened to the goals of --explore' in said
    assert 'no pairs of angles and poses' in said


def test_a_file_that_is_there_is_not_overwritten_unasked(tmp_path, capsys):
    pytest.importorskip('rclpy')
    path = tmp_path / 'a.mcap'
    path.write_text('precious')
    assert main(['record', '--out', str(path), '--duration', '0']) == 1
    assert f'{path} exists' in capsys.readouterr().err
    assert path.read_text() == 'precious'
    main(['record', '--out', str(path), '--duration', '0', '--overwrite'])
    assert path.read_bytes().startswith(b'\x89MCAP0')


def test_a_full_disk_ends_a_recording_with_the_reason():
    pytest.importorskip('rclpy')
    with recorder('--out', '/dev/full', '--overwrite') as child:
        said, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert '/dev/full can not be written any more: No space left on device' in said
    assert 'Traceback' not in said


# Acceptance


def error_curve(received):
    """
    Return (publication times, position errors, axis errors) from (topic, published, data).

    The goal in effect is the last that was published before a chain was.
    """
    from rclpy.serialization import deserialize_message
    from std_msgs.msg import Float64MultiArray

    from snake_arm_control.ros import chain_messages, goal_messages
    curve, goal = [], Goal.free()
    for topic, published, data in sorted(received, key=lambda each: each[1]):
        if topic == 'goal':
            goal = goal_messages.message_to_goal(deserialize_message(data, Float64MultiArray), 40)
        else:
            _, chain = chain_messages.deserialize_chain(data)
            curve.append((published, goal.position_error(chain), goal.axis_error(chain)))
    return np.array(curve)


def is_reached(received):
    """Whether there is a goal, and the last chain is at it."""
    return (any(topic == 'goal' for topic, *_ in received) and received[-1][0] == 'pose_chain'
            and error_curve([each for each in received if each[0] == 'goal'][-1:] + received[-1:]
                            )[-1, 1] < 0.02)


def test_the_error_curve_of_a_recorded_run_is_the_live_one(tmp_path, node):
    """Three nodes in one process reach some goals; a recorder and this test receive them."""
    from geometry_msgs.msg import PoseArray
    from rclpy.executors import SingleThreadedExecutor
    from std_msgs.msg import Float64MultiArray
    path, live = tmp_path / 'run.mcap', []
    for topic, kind in ('goal', Float64MultiArray), ('pose_chain', PoseArray):
        node.create_subscription(
            kind, topic, lambda data, info, topic=topic: live.append(
                (topic, info['source_timestamp'], data)), 10_000, raw=True)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    ended = threading.Event()
    goals = node.create_publisher(Float64MultiArray, 'goal', 10)

    def listen():
        while not ended.is_set():
            executor.spin_once(timeout_sec=0.05)

    listener = threading.Thread(target=listen)
    listener.start()
    child = snake_arm('record', '--out', path)
    try:
        wait_for(lambda: node.count_subscribers('pose_chain') == 2, 'the recorder')
        time.sleep(1.0)
        nodes = snake_arm('up')
        wait_for(lambda: any(topic == 'pose_chain' for topic, *_ in live), 'the arm')
        wait_for(lambda: goals.get_subscription_count() == 3, 'the controller')
        for position in (0.4, -0.3, 0.5), (-0.3, 0.3, 0.6):
            before = len(live)
            goals.publish(Float64MultiArray(data=[*position, *[math.nan] * 6]))
            wait_for(lambda: is_reached(live[before:]), 'the goal')
        nodes.terminate()
        nodes.communicate(timeout=PATIENCE)
        time.sleep(1.0)
        child.terminate()
        said, _ = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
        nodes.kill()
        ended.set()
        listener.join()
    assert child.returncode == 0, said
    recorded = [(message.topic.strip('/'), message.published, message.data)
                for message in messages(path) if message.topic in ('/goal', '/pose_chain')]
    # Publishers come late, and one subscriber may know them a moment before the other does.
    begin = max(min(published for topic, published, _ in received if topic == name)
                for received in (live, recorded) for name in ('goal', 'pose_chain'))
    live, recorded = (
        [each for each in received if each[1] >= begin] for received in (live, recorded))
    assert sorted(recorded) == sorted(live)
    curve = error_curve(live)
    np.testing.assert_array_equal(error_curve(recorded), curve)
    assert len(curve) > 100 and curve[:, 1].max() > 0.1 and curve[-1, 1] < 0.02
    decoders = DecoderFactory()
    with open(path, 'rb') as file:
        reader = make_reader(file, decoder_factories=[decoders])
        assert reader.get_header().profile == 'ros2'
        decoded = list(reader.iter_decoded_messages())
    assert {channel.topic for _, channel, _, _ in decoded} >= {
        '/goal', '/joint_command', '/joint_states', '/pose_chain', '/forward_model/weights',
        '/robot_description', '/diagnostics'}
    assert read(path, Arm()).duration > 1.0
