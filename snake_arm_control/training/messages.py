# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The messages of an MCAP file, read without ROS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import logging
from pathlib import Path
import struct
from typing import Any, BinaryIO, NamedTuple, TypeVar

from snake_arm_control.errors import RecordingError
from snake_arm_control.extras import require

T = TypeVar('T')

_LARGEST_CHUNK = 2**28  # [byte], unpacked; recorders make them a thousandth of that

_log = logging.getLogger(__name__)


class Message(NamedTuple):
    """A message of a recording."""

    topic: str  # full name
    schema: Any  # of mcap, None if there is none
    encoding: str
    received: int  # [ns]
    published: int  # [ns]
    data: bytes  # as it was on the wire
    decoders: Any  # of mcap_ros2

    @property
    def kind(self) -> str:
        """Type of the message, such as sensor_msgs/msg/JointState."""
        return self.schema.name if self.schema else 'unknown'

    def read(self, take: Callable[[Any], T]) -> T:
        """
        Return what is taken from an object with the fields of the message.

        :raises RecordingError: if it can't be decoded, or has other fields than are taken
        """
        if self.schema is not None and not self.schema.data.strip():
            raise self._unreadable('its schema is empty')
        try:
            decode = self.decoders.decoder_for(self.encoding, self.schema)
            if decode is not None:
                return take(decode(self.data))
        except RecordingError:
            raise
        except AttributeError as error:
            raise self._unreadable(f'its schema is of something else: {error}') from error
        except Exception as error:  # noqa: BLE001  schemas are text from anywhere, read by others
            raise self._unreadable(f'{error}; messages that are compressed one by one must be '
                                   'converted') from error
        raise self._unreadable('it is not in CDR with a ros2msg schema')

    def _unreadable(self, reason: str) -> RecordingError:
        reason = ' '.join(reason.split())  # in one line
        return RecordingError(f'{self.topic} can not be read as {self.kind}: {reason}')


def messages(path: str | Path) -> Iterator[Message]:
    """
    Yield the messages of a recording in the order in which they were written.

    Of a file that was cut off, as by a crash of the recorder, the messages before are read.

    :param path: an MCAP file of any ROS 2 recorder, or the folder of a rosbag2 recording
    :raises RecordingError: if no message can be read
    :raises MissingPackageError: if the library that reads it is not installed
    """
    require('mcap_ros2')
    path = Path(path)
    files = sorted(path.glob('*.mcap')) if path.is_dir() else [path]
    if not files:
        raise RecordingError(f'{path} is a folder without an MCAP file (*.mcap); another storage, '
                             'and files that are compressed as a whole, must be converted')
    for file in files:
        yield from _messages_of_file(file)


def _messages_of_file(path: Path) -> Iterator[Message]:
    from mcap.exceptions import McapError
    from mcap.records import Channel, Message as Record, Schema
    from mcap_ros2.decoder import DecoderFactory
    from zstandard import ZstdError
    decoders, count = DecoderFactory(), 0
    schemas: dict[int, Any] = {0: None}  # 0: there is none
    channels: dict[int, Any] = {}
    try:
        with open(path, 'rb') as file:
            for record in _records(file, path.stat().st_size):
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    channels[record.id] = record
                elif isinstance(record, Record):
                    channel = channels.get(record.channel_id)
                    if channel is None or channel.schema_id not in schemas:
                        raise ValueError(f'no channel of the number {record.channel_id} came '
                                         'before its message, with a schema')
                    count += 1
                    yield Message(channel.topic, schemas[channel.schema_id],
                                  channel.message_encoding, record.log_time, record.publish_time,
                                  record.data, decoders)
    except OSError as error:
        raise RecordingError(f'{path} can not be read: {error.strerror}') from error
    except (McapError, ZstdError, struct.error, ValueError, RuntimeError) as error:
        reason = str(error) or type(error).__name__
        if not count:
            raise RecordingError(f'{path} is no MCAP file with messages: {reason}') from error
        _log.warning('%s is cut off or damaged: taking the %d messages before (%s)', path, count,
                     reason)


def _records(file: BinaryIO, size: int) -> Iterator[Any]:
    """
    Yield the records of a file, one after the other, from its front: a crash leaves out the end.

    :raises ValueError: for a chunk that would unpack to more than any recorder packs
    """
    from mcap.records import Chunk
    from mcap.stream_reader import breakup_chunk, StreamReader
    from zstandard import frame_content_size
    for record in StreamReader(file, emit_chunks=True, validate_crcs=True,
                               record_size_limit=size).records:
        if not isinstance(record, Chunk):
            yield record
            continue
        unpacked = record.uncompressed_size
        if record.compression == 'zstd':  # which unpacks what the frame says, not the chunk
            unpacked = max(unpacked, frame_content_size(record.data))
        if unpacked > _LARGEST_CHUNK:
            raise ValueError(f'a chunk unpacks to {unpacked} bytes, expected {_LARGEST_CHUNK} at '
                             'most')
        yield from breakup_chunk(record, validate_crc=True)
