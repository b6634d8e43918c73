# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The latest message of topics, for those who look now and then."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rclpy.node import Node

from snake_arm_control.ros import topics


class LatestMessages:
    """
    Keeps the latest message of some topics, serialized, while somebody looks.

    :param kinds: types of the messages by topic
    """

    def __init__(self, node: Node, kinds: Mapping[str, type]):
        self._node, self._kinds = node, kinds
        self._subscriptions: list = []
        self._messages: dict[str, bytes] = {}

    @property
    def is_on(self) -> bool:
        """Whether the topics are subscribed to."""
        return bool(self._subscriptions)

    def switch(self, on: bool) -> None:
        """Subscribe to the topics, or leave them, as some are published only for who listens."""
        if on == self.is_on:
            return
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._messages.clear()
        self._subscriptions = [
            self._node.create_subscription(kind, topic, self._keeper(topic), topics.LATEST,
                                           raw=True)
            for topic, kind in self._kinds.items()] if on else []

    def _keeper(self, topic: str) -> Callable[[bytes], None]:
        def keep(data: bytes) -> None:
            self._messages[topic] = data
        return keep

    def take(self) -> dict[str, bytes]:
        """Return those messages that came since the last call, by topic."""
        messages, self._messages = self._messages, {}
        return messages
