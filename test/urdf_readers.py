# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""
Other people's readers of URDF, each behind the same door.

A reader is made of a text. It tells the limits of each moving joint by name, the mass of the
whole, and where the links are, (4, 4) by name, in the root at positions by name.
"""

import io

import numpy as np


class Yourdfpy:
    """yourdfpy, which viewers use."""

    def __init__(self, text):
        from yourdfpy import URDF
        self._robot = URDF.load(io.BytesIO(text.encode()), load_meshes=False)
        self.limits = {joint.name: (joint.limit.lower, joint.limit.upper)
                       for joint in self._robot.robot.joints
                       if joint.type in ('revolute', 'prismatic')}
        self.mass = sum(link.inertial.mass for link in self._robot.robot.links if link.inertial)

    def frames(self, positions):
        robot = self._robot
        robot.update_cfg(positions)
        frames = {robot.base_link: np.eye(4)}
        for joint in robot.robot.joints:  # parents first; a way of many links takes seconds
            frames[joint.child] = frames[joint.parent] @ robot.get_transform(
                joint.child, joint.parent)
        return frames


class Pinocchio:
    """Pinocchio, of the wheel `pin`, which reads as ROS does (urdfdom)."""

    def __init__(self, text):
        import pinocchio
        self._library, self._model = pinocchio, pinocchio.buildModelFromXML(text)
        self._data = self._model.createData()
        model = self._model
        self.limits = {model.names[i]: (model.lowerPositionLimit[model.idx_qs[i]],
                                        model.upperPositionLimit[model.idx_qs[i]])
                       for i in range(1, model.njoints)}
        self.mass = sum(inertia.mass for inertia in model.inertias)

    def frames(self, positions):
        model, data = self._model, self._data
        q = np.array([positions[name] for name in list(model.names)[1:]])
        self._library.framesForwardKinematics(model, data, q)
        return {frame.name: data.oMf[i].homogeneous for i, frame in enumerate(model.frames)
                if frame.type == self._library.FrameType.BODY}


class Mujoco:
    """MuJoCo; links that do not move are kept, lest it put them into those that carry them."""

    def __init__(self, text):
        import mujoco
        spec = mujoco.MjSpec.from_string(text)
        spec.compiler.fusestatic = False
        spec.option.gravity = (0.0, 0.0, 0.0)
        self.library, self.model = mujoco, spec.compile()
        self.data = mujoco.MjData(self.model)
        joints = [self.model.joint(i) for i in range(self.model.njnt)]
        self.limits = {joint.name: tuple(joint.range) for joint in joints}
        self.mass = self.model.body_mass.sum()

    def bend(self, positions):
        for name, position in positions.items():
            self.data.joint(name).qpos = position
        self.library.mj_forward(self.model, self.data)

    def frames(self, positions):
        self.bend(positions)
        frames = {}
        for i in range(self.model.nbody):
            frames[self.model.body(i).name] = frame = np.eye(4)
            frame[:3, :3], frame[:3, 3] = self.data.xmat[i].reshape(3, 3), self.data.xpos[i]
        return frames


class Pybullet:
    """PyBullet, as a simulation that nobody sees."""

    def __init__(self, text):
        from tempfile import NamedTemporaryFile

        import pybullet
        self.library, self._client = pybullet, pybullet.connect(pybullet.DIRECT)
        with NamedTemporaryFile('w', suffix='.urdf') as file:
            file.write(text)
            file.flush()
            self.robot = pybullet.loadURDF(file.name, useFixedBase=True,
                                           flags=pybullet.URDF_USE_SELF_COLLISION)
        joints = [pybullet.getJointInfo(self.robot, i)
                  for i in range(pybullet.getNumJoints(self.robot))]
        self._numbers = {joint[1].decode(): joint[0] for joint in joints}
        self._links = {joint[12].decode(): joint[0] for joint in joints}
        self.limits = {joint[1].decode(): (joint[8], joint[9]) for joint in joints
                       if joint[2] != pybullet.JOINT_FIXED}
        self.mass = sum(pybullet.getDynamicsInfo(self.robot, i)[0] for i in range(len(joints)))
        self._root = pybullet.getBodyInfo(self.robot)[0].decode()

    def bend(self, positions):
        for name, position in positions.items():
            self.library.resetJointState(self.robot, self._numbers[name], position)
        self.library.performCollisionDetection()

    def frames(self, positions):
        self.bend(positions)
        frames = {self._root: np.eye(4)}
        for name, i in self._links.items():
            state = self.library.getLinkState(self.robot, i, computeForwardKinematics=True)
            frames[name] = frame = np.eye(4)
            frame[:3, :3] = np.reshape(self.library.getMatrixFromQuaternion(state[5]), (3, 3))
            frame[:3, 3] = state[4]
        return frames


class Drake:
    """Drake's multi-body plant."""

    def __init__(self, text):
        from pydrake.multibody.parsing import Parser
        from pydrake.multibody.plant import MultibodyPlant
        self._plant = plant = MultibodyPlant(0.001)
        model, = Parser(plant).AddModelsFromString(text, 'urdf')
        plant.Finalize()
        self._context = plant.CreateDefaultContext()
        self._bodies = [plant.get_body(i) for i in plant.GetBodyIndices(model)]
        self._joints = {joint.name(): joint for joint in map(
            plant.get_joint, plant.GetJointIndices(model)) if joint.num_positions() == 1}
        self.limits = {name: (joint.position_lower_limits()[0], joint.position_upper_limits()[0])
                       for name, joint in self._joints.items()}
        self.mass = plant.CalcTotalMass(self._context)

    def frames(self, positions):
        for name, position in positions.items():
            self._plant.SetPositions(self._context, self._plant.GetPositions(self._context))
            joint = self._joints[name]
            joint.set_angle(self._context, position)
        return {body.name(): body.EvalPoseInWorld(self._context).GetAsMatrix4()
                for body in self._bodies}


READERS = {'yourdfpy': Yourdfpy, 'pinocchio': Pinocchio, 'mujoco': Mujoco, 'pybullet': Pybullet,
           'pydrake': Drake}
