# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""An MCAP file of messages as they were on the wire, as rosbag2 writes it."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path
import re

from mcap.well_known import MessageEncoding, Profile, SchemaEncoding
from mcap.writer import Writer
from rclpy.duration import Infinite
from rclpy.qos import QoSProfile
import yaml

from snake_arm_control.errors import RecordingError

_CHUNK = 2**18  # [byte], what a crash may cost
_PRIMITIVES = {'bool', 'byte', 'char', 'float32', 'float64', 'string', 'wstring',
               *(f'{sign}int{bits}' for sign in ('', 'u') for bits in (8, 16, 32, 64))}
_FIELD = re.compile(r'\s*([\w/]+)')  # its type, without the size of an array
_SEPARATOR = '=' * 80


class Bag:
    """
    Writes raw messages, and closes the file when it is left as a context.

    What was written before a crash can be read, but for a last fraction of a second.

    :raises RecordingError: if the file exists and shall not be overwritten, can't be written, or
        can't be written any more
    """

    def __init__(self, path: Path, overwrite: bool = False):
        self.path = path
        self.counts: Counter[str] = Counter()  # messages by topic
        self._channels: dict[str, int] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, 'wb' if overwrite else 'xb')
        except FileExistsError as error:
            raise RecordingError(f'{path} exists; choose another file, or overwrite it') from error
        except OSError as error:
            raise RecordingError(f'{path} can not be written: {error.strerror}') from error
        self._writer = Writer(self._file, chunk_size=_CHUNK)
        self._writer.start(profile=Profile.ROS2)

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, kind: type | None, *_) -> None:
        try:
            if kind is None or not issubclass(kind, RecordingError):
                self._attempt(self._writer.finish)
        finally:
            self._attempt(self._file.close)

    def add_topic(self, topic: str, kind: type, qos: QoSProfile) -> None:
        """Add a topic, by its full name, with the type of its messages."""
        name = f'{_package(kind)}/msg/{kind.__name__}'
        schema = self._writer.register_schema(name, SchemaEncoding.ROS2,
                                              definition(kind).encode())
        self._channels[topic] = self._writer.register_channel(
            topic, MessageEncoding.CDR, schema, {'offered_qos_profiles': _qos_text(qos)})
        self.counts[topic] = 0

    def write(self, topic: str, data: bytes, received: int, published: int, number: int) -> None:
        """
        Write a serialized message.

        :param received, published: when [ns]
        :param number: of the message among those of its publisher
        """
        self._attempt(self._writer.add_message, self._channels[topic], received, data, published,
                      number)
        self.counts[topic] += 1

    def flush(self) -> None:
        """Hand what was written to the operating system, but for the chunk that is being built."""
        self._attempt(self._file.flush)

    def _attempt(self, write, *arguments) -> None:
        try:
            write(*arguments)
        except OSError as error:
            raise RecordingError(f'{self.path} can not be written any more: {error.strerror}; '
                                 'what it holds can be read') from error


def definition(kind: type) -> str:
    """
    Return the definition of a message type, and of all types in it, as rosbag2 concatenates them.

    :raises RecordingError: if the distribution lacks the file of one
    """
    texts, left = {}, [(_package(kind), kind.__name__)]
    for package, name in left:
        text = _definition_file(package, name).read_text()
        texts[f'{package}/{name}'] = text
        for line in text.splitlines():
            field = _FIELD.match(line)
            if field and field[1] not in _PRIMITIVES:
                *other, inner = field[1].split('/')
                part = (other[0] if other else package, inner)
                if part not in left:
                    left.append(part)
    first, *others = texts.items()
    return '\n'.join((first[1], *(f'{_SEPARATOR}\nMSG: {name}\n{text}' for name, text in others)))


def _definition_file(package: str, name: str) -> Path:
    """Look beside the package, from its modules up: in a distribution and in an environment."""
    for folder in Path(str(import_module(package).__file__)).parents:
        path = folder / 'share' / package / 'msg' / f'{name}.msg'
        if path.is_file():
            return path
    raise RecordingError(f'the definition of {package}/msg/{name} is not installed')


def _package(kind: type) -> str:
    return kind.__module__.split('.')[0]


def _qos_text(qos: QoSProfile) -> str:
    """Return a profile as rosbag2 keeps it, so that a latched topic is played back latched."""
    seconds, nanoseconds = divmod(Infinite.nanoseconds, 10**9)
    forever = {'sec': seconds, 'nsec': nanoseconds}
    return yaml.safe_dump([{
        'history': qos.history.short_key, 'depth': qos.depth,
        'reliability': qos.reliability.short_key, 'durability': qos.durability.short_key,
        'deadline': dict(forever), 'lifespan': dict(forever), 'liveliness': 'automatic',
        'liveliness_lease_duration': dict(forever), 'avoid_ros_namespace_conventions': False,
    }], sort_keys=False)
