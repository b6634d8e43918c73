# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the forward model's derivatives, on the weights that ship with the package."""

import copy
import json
import pickle

from arms import ARMS, RANDOM, random_angles
import numpy as np
import pytest
from safetensors.numpy import save as save_arrays

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.errors import WeightsError
from snake_arm_control.model import bptt, forward_model, weights_file
from snake_arm_control.model.forward_model import ForwardModel


def rows_of(joints, components=range(9)):
    """Return the indices of some components of some joints."""
    return [index.ravel() for index in np.meshgrid(joints, components, indexing='ij')]


@pytest.fixture(scope='module')
def model():
    return ForwardModel.load(dtype=np.float64)


@pytest.mark.parametrize('batch', [(), (2,), (2, 1)])
@pytest.mark.parametrize('rows', [
    rows_of([39], range(3)), rows_of([39]), rows_of([19, 39], [0, 1]),
    rows_of(range(30, 40), [3, 4, 5]), rows_of(range(40)), rows_of([0]), rows_of(range(5)),
    rows_of([39, 2, 17, 2]), rows_of([])])
def test_rows_are_the_same_whichever_way_they_come(model, rows, batch):
    """Forward or back, the rows are those of the Jacobian, in the order asked for."""
    angles = np.random.default_rng(0).uniform(-0.7, 0.7, (*batch, 40, 2))
    got = model.linearize(angles).jacobian_rows(*rows)
    tape = bptt.forward(model.parameters, angles.reshape(-1, 40, 2))
    expected = bptt.jacobian_rows(model.parameters, tape, *rows)
    assert got.shape == (*batch, len(rows[0]), 40, 2)
    np.testing.assert_allclose(got.reshape(expected.shape), expected, rtol=1e-9, atol=1e-12)
    late = model.linearize(angles).jacobian_rows(*rows, 7)
    np.testing.assert_allclose(late, got[..., 7:, :], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('joints, components', [([40], [0]), ([-1], [0]), (range(40), [9] * 40),
                                                (range(-1, 39), [0] * 40)])
def test_rows_out_of_range_are_refused(model, joints, components):
    """Also where they would only count from the end."""
    with pytest.raises(IndexError):
        model.linearize(np.zeros((40, 2))).jacobian_rows([*joints] * 9, components * 9)


@pytest.mark.parametrize('metadata', (None, {}, {'format': 'another'}))
def test_weights_without_the_right_metadata_are_refused(metadata):
    """Also where the header holds no metadata but a null."""
    data = ForwardModel.load().to_bytes()
    length = int.from_bytes(data[:8], 'little')
    header = json.loads(data[8:8 + length])
    header['__metadata__'] = metadata
    text = json.dumps(header).encode()
    with pytest.raises(WeightsError):
        ForwardModel.from_bytes(len(text).to_bytes(8, 'little') + text + data[8 + length:])


COPIES = {'copy': copy.copy, 'deepcopy': copy.deepcopy,
          'pickle': lambda each: pickle.loads(pickle.dumps(each))}


@pytest.mark.parametrize('dtype', (np.float32, np.float64))
@pytest.mark.parametrize('copied', COPIES.values(), ids=COPIES)
def test_a_copy_is_the_same_model_and_as_read_only(tmp_path, copied, dtype):
    """Copied or pickled, it predicts the same, in the same precision, and can not be changed."""
    arm = Arm.uniform(joints=5)
    arrays = dict(ForwardModel.load(arm=arm).parameters.arrays)
    arrays[weights_file.ANGLE_OFFSET] = np.full((5, 2), 0.02, np.float32)
    weights_file.save(tmp_path / 'weights', arrays, arm, {'preset': 'other'})
    model = ForwardModel.load(tmp_path / 'weights', arm, dtype)
    other = copied(model)
    angles = np.random.default_rng(0).uniform(-0.7, 0.7, (2, 5, 2))
    np.testing.assert_array_equal(other.predict(angles), model.predict(angles))
    assert other.predict(angles).dtype == dtype
    assert (other.arm, other.fingerprint, other.training_record) == (
        arm, model.fingerprint, {'preset': 'other'})
    for array in (*other.parameters.arrays.values(), other.angle_offset):
        with pytest.raises(ValueError, match='read-only'):
            array[...] = 0.0
    for mapping in other.parameters.arrays, other.metadata:
        with pytest.raises(TypeError):
            mapping['extra'] = None


@pytest.mark.parametrize('copied', COPIES.values(), ids=COPIES)
def test_a_copy_of_parameters_is_as_read_only(model, copied):
    other = copied(model.parameters)
    assert other.arrays.keys() == model.parameters.arrays.keys()
    for name, array in model.parameters.arrays.items():
        np.testing.assert_array_equal(other.arrays[name], array)
        with pytest.raises(ValueError, match='read-only'):
            other.arrays[name][...] = 0.0


@pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)
def test_an_exact_model_is_behind_the_same_door_and_goes_through_its_bytes(arm):
    model = ForwardModel.exact(arm)
    again = ForwardModel.from_bytes(model.to_bytes(), arm)
    assert model.kind == again.kind == forward_model.EXACT
    assert again.fingerprint == model.fingerprint
    angles = random_angles(arm, (2,))
    np.testing.assert_array_equal(again.predict(angles), model.predict(angles))
    np.testing.assert_allclose(model.predict(angles), forward_kinematics(arm, angles), atol=1e-12)
    rows = model.jacobian_rows(angles, np.array([arm.joints - 1]), np.array([2]))
    assert rows.shape == (2, 1, *arm.rest.shape)


@pytest.mark.parametrize('copied', COPIES.values(), ids=COPIES)
def test_a_copy_of_an_exact_model_is_the_same_model(copied):
    model = ForwardModel.exact(RANDOM[0])
    other = copied(model)
    assert (other.arm, other.fingerprint, other.kind) == (model.arm, model.fingerprint, model.kind)


def test_an_exact_model_of_other_joints_is_refused_by_their_names():
    data = ForwardModel.exact(Arm.uniform(3)).to_bytes()
    with pytest.raises(WeightsError, match='joint_3_y, expected joint_1_x to joint_4_y'):
        ForwardModel.from_bytes(data, Arm.uniform(4))


def test_an_exact_model_of_other_measures_is_that_of_an_arm_as_it_was_measured():
    """Limits stay those of the arm; where it is, the file says."""
    measured = Arm.uniform(3, segment_length=0.03)
    model = ForwardModel.from_bytes(ForwardModel.exact(measured).to_bytes(), Arm.uniform(3))
    assert model.arm == Arm.uniform(3)
    np.testing.assert_allclose(model.predict(np.zeros((3, 2)))[-1, 2], 0.09)


def test_an_exact_model_has_no_network(model):
    assert model.kind == forward_model.NETWORK
    with pytest.raises(WeightsError, match='expected a network'):
        ForwardModel.exact(Arm.uniform(2)).parameters


def test_weights_of_equal_segments_are_refused_for_any_other_arm():
    with pytest.raises(WeightsError, match='segments of 0.025 m .* which the arm does not have'):
        ForwardModel.load(weights_file.SHIPPED, RANDOM[0])
    with pytest.raises(WeightsError, match='segments of 0.025 m .* expected 0.06 m and 0.5 rad'):
        ForwardModel.load(weights_file.SHIPPED,
                          Arm.uniform(3, segment_length=0.06, angle_limit=0.5))


def claiming(header, content=b''):
    """Return a safetensors file of a header and a content, whatever they say of each other."""
    return len(header).to_bytes(8, 'little') + header + content


def array_of(*shape, end):
    return b'{"a": {"dtype": "F32", "shape": [%s], "data_offsets": [0, %d]}}' % (
        b', '.join(b'%d' % size for size in shape), end)


@pytest.mark.parametrize('data', (
    b'', b'\0', 8 * b'\xff', (2**62).to_bytes(8, 'little') + b'{}', claiming(b'1'),
    claiming(10**5 * b'['),
    claiming(json.dumps({str(i): {'dtype': 'F32', 'shape': [0], 'data_offsets': [0, 0]}
                         for i in range(1000)}).encode()), claiming(array_of(2**40, end=2**42)),
    claiming(array_of(2**40, 0, end=0)), claiming(array_of(2**32, 2**32, end=0)),
    claiming(array_of(4, end=16), 8 * b'\0'), bytes(2**26 + 1)))
def test_weights_that_claim_to_be_larger_than_they_are_or_may_be_are_refused(data):
    with pytest.raises(WeightsError) as caught:
        ForwardModel.from_bytes(data)
    assert len(str(caught.value)) < 500


def test_no_more_of_a_file_is_read_than_weights_may_have():
    with pytest.raises(WeightsError, match='longer'):
        ForwardModel.load('/dev/zero')


@pytest.mark.parametrize('training', ('', 'nonsense', '[]', 10**5 * '['))
def test_weights_with_a_record_that_is_none_are_refused(model, training):
    data = save_arrays(dict(model.parameters.arrays), {**model.metadata, 'training': training})
    with pytest.raises(WeightsError, match='training record|not a whole'):
        ForwardModel.from_bytes(data, model.arm)
