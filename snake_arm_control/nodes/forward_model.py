# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""The forward-model node: owns the trained network, serves it and its predictions."""

from __future__ import annotations

from dataclasses import dataclass
import math
from pathlib import Path
from threading import Thread
import time

from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import UInt8MultiArray
from std_srvs.srv import Trigger

from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import FeedbackError, SettingsError, WeightsError
from snake_arm_control.model.forward_model import (
    COMPENSATED,
    EXACT,
    ForwardModel,
    KINDS,
    NETWORK,
)
from snake_arm_control.model.weights_file import shipped_weights
from snake_arm_control.ros import chain_messages, joint_messages, topics, weight_messages
from snake_arm_control.ros.diagnostics import Diagnostics, Level
from snake_arm_control.ros.joint_states import JointStates
from snake_arm_control.ros.memory import release_compiler
from snake_arm_control.ros.parameters import ArmSettings, Parameters
from snake_arm_control.ros.running import run
from snake_arm_control.settings import setting

AUTO = 'auto'
_EXACT = 'the exact kinematics'


@dataclass(frozen=True)
class ForwardModelSettings(ArmSettings):
    """Parameters of the forward-model node."""

    rate: float = setting(30.0, 'largest rate of the predictions, which are for viewers', 'Hz',
                          low=0.1, high=1e4)
    weights: str = setting('', 'weights file, empty for the weights that ship with the package')
    kind: str = setting(AUTO, 'forward model: the network, the exact kinematics of the arm, those '
                        'of an arm that gives way as its weights say, or auto: what the weights '
                        'are of; without, the network for arms of the default segment',
                        choices=(AUTO, *KINDS))


class ForwardModelNode(Node):
    """
    Publishes the weights, latched, and the pose chain that they predict for the joint states.

    Of an arm that tendons bend it publishes how the joints are estimated to be bent, too, on
    `joint_states` for robot_state_publisher: their names are not those of the tendons.

    :raises WeightsError: if the weights can't be loaded at the start
    """

    def __init__(self, **node_options):
        super().__init__('forward_model', **node_options)
        self._settings = Parameters(self, ForwardModelSettings)
        self._arm = self._settings.value.make_arm()
        self._joint_states = JointStates(self._arm)
        self._rejected = 0
        self._trouble = ''
        self._predicted_at = -math.inf  # [s]
        self._weights = self.create_publisher(UInt8MultiArray, topics.WEIGHTS, topics.LATCHED)
        self._predicted = self.create_publisher(PoseArray, topics.PREDICTED_POSE_CHAIN,
                                                topics.STREAM)
        self._bent = (self.create_publisher(JointState, topics.JOINT_STATES, topics.STREAM)
                      if self._arm.tendons else None)
        self._load()
        self.create_subscription(JointState, topics.JOINT_STATES, self._predict, topics.SENSOR,
                                 raw=True)
        self.create_service(Trigger, 'forward_model/reload', self._reload)
        self._diagnostics = Diagnostics(self, self._describe)

    def _load(self) -> None:
        self._model, self._served = self._chosen()
        self._warming = Thread(target=self._warm_up, args=(self._model,), daemon=True)
        self._warming.start()
        self._weights.publish(weight_messages.bytes_to_message(self._model.to_bytes()))
        self.get_logger().info(f'serving {self._served}, {self._model.fingerprint}')

    def _warm_up(self, model: ForwardModel) -> None:
        """Compile the prediction, or load it, while the node goes on."""
        model.predict(self._arm.rest)
        release_compiler()

    def destroy_node(self) -> None:
        """Leave nothing compiling behind, and end the node."""
        if hasattr(self, '_warming'):  # a context also destroys a node that could not be made
            self._warming.join()
        super().destroy_node()

    def _chosen(self) -> tuple[ForwardModel, str]:
        """Return the model that the settings name, and what to call it."""
        settings = self._settings.value
        if settings.kind == EXACT:
            if settings.weights:
                raise SettingsError(f'weights is {settings.weights} and kind is {EXACT}, expected '
                                    'one of the two')
            return ForwardModel.exact(self._arm), _EXACT
        if settings.kind == COMPENSATED and not settings.weights:
            raise SettingsError(f'kind is {COMPENSATED} and weights is empty, expected the file '
                                'that snake-arm calibrate --compliance wrote')
        path = Path(settings.weights or shipped_weights(self._arm))
        is_default = self._arm.segment_fingerprint == Arm().segment_fingerprint
        if settings.kind == NETWORK or settings.weights or is_default:
            model = ForwardModel.load(path, self._arm)
            if settings.kind not in (AUTO, model.kind):
                raise SettingsError(f'kind is {settings.kind} and {path.name} is of a model that '
                                    f'is {model.kind}, expected the same')
            return model, path.name
        try:
            ForwardModel.load(path, self._arm)
            other = f'kind: {NETWORK} takes {path.name}'
        except WeightsError as error:
            other = f'the network does not: {str(error).split(": ", 1)[-1]}'
        self.get_logger().info('the arm is described and not the default one, so the exact '
                               f'kinematics serve; {other}')
        return ForwardModel.exact(self._arm), _EXACT

    def _predict(self, data: bytes) -> None:
        try:
            reported = self._joint_states.take(data)
        except FeedbackError as error:
            self._rejected += 1
            self.get_logger().warning(str(error), throttle_duration_sec=5.0)
            return
        now = time.monotonic()
        if (reported is None or self._warming.is_alive()
                or now < self._predicted_at + 1.0 / self._settings.value.rate):
            return
        self._predicted_at = now
        stamp, angles = reported
        if self._bent is not None:
            self._bent.publish(joint_messages.serialize_joint_state(
                self._arm.jointed, stamp, self._arm.joint_angles(angles)))
        if self._predicted.get_subscription_count():
            self._predicted.publish(chain_messages.serialize_chain(
                self._model.predict(angles), stamp, self._arm.base))

    def _reload(self, _, response: Trigger.Response) -> Trigger.Response:
        try:
            self._load()
        except (WeightsError, SettingsError) as error:
            self._trouble = str(error)
            self.get_logger().error(f'{error}; the weights before stay')
            response.success, response.message = False, str(error)
        else:
            self._trouble = ''
            response.success, response.message = True, f'serving {self._model.fingerprint}'
        self._diagnostics.publish()
        return response

    def _describe(self):
        level, summary = ((Level.ERROR, f'reload failed: {self._trouble}') if self._trouble
                          else (Level.OK, 'serving'))
        return level, summary, {
            'weights': self._served, 'model fingerprint': self._model.fingerprint,
            'joints': self._arm.joints, 'rejected joint states': self._rejected}


def main(args: list[str] | None = None) -> int:
    """Run the forward-model node."""
    return run(ForwardModelNode, args)
