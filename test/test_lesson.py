# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of learning from a real arm: what its geometry is, and what its weights become."""

from dataclasses import replace
import json
import math

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from snake_arm_control.arm.description import Arm  # noqa: E402
from snake_arm_control.arm.kinematics import forward_kinematics  # noqa: E402
from snake_arm_control.arm.simulation import SimulatedArm  # noqa: E402
from snake_arm_control.cli import main  # noqa: E402
from snake_arm_control.errors import (  # noqa: E402
    RecordingError,
    SettingsError,
    TrainingError,
    WeightsError,
)
from snake_arm_control.experiments.runs import WRONG_ARM  # noqa: E402
from snake_arm_control.model import weights_file  # noqa: E402
from snake_arm_control.model.architecture import Architecture  # noqa: E402
from snake_arm_control.model.forward_model import ForwardModel  # noqa: E402
from snake_arm_control.model.network import Network  # noqa: E402
from snake_arm_control.training import evaluation, trainer  # noqa: E402
from snake_arm_control.training.calibration import calibrate  # noqa: E402
from snake_arm_control.training.lesson import (  # noqa: E402
    prepare,
    table as lesson_table,
)
from snake_arm_control.training.presets import Phase, preset  # noqa: E402
from snake_arm_control.training.run_folder import METRICS  # noqa: E402
from snake_arm_control.training.samples import Samples  # noqa: E402
from snake_arm_control.training.trainer import train  # noqa: E402

ARM = Arm.uniform(joints=8)
TRUE = SimulatedArm(ARM, WRONG_ARM)
OFFSET = TRUE.joint_offsets
FEW = replace(preset('finetune'), phases=(Phase('rehearsed', iterations=20),), batch=16,
              rate=1e-5, evaluate_every=10, checkpoint_every=10, evaluation_samples=8)
SMALL = replace(FEW, phases=(Phase('recorded', iterations=60),), rate=2e-2, warm_up=0,
                architecture=Architecture(blocks=3, cells=2))


@pytest.fixture(autouse=True)
def small_final_measurement(monkeypatch):
    monkeypatch.setattr(trainer, 'FINAL_SAMPLES', 8)


def recording(count=200, known=slice(None), noise=0.0, seed=0):
    """Return what a tracker measures of the true arm, of some joints only."""
    random = np.random.default_rng(seed)
    angles = random.uniform(-0.7, 0.7, (count, ARM.joints, 2))
    measured = np.full((count, ARM.joints, 9), np.nan)
    chains = TRUE.true_chain(angles)
    measured[:, known] = (chains + noise * random.standard_normal(chains.shape))[:, known]
    return Samples(0.01 * np.arange(count), angles, measured)


# The geometry


def test_the_assumed_arm_needs_no_calibration():
    angles = recording().angles
    exact = Samples(np.arange(200.0), angles, forward_kinematics(ARM, angles))
    found = calibrate(ARM, exact)
    np.testing.assert_allclose(found.angle_offset, 0.0, atol=1e-9)
    np.testing.assert_allclose(found.segment_lengths, ARM.segment_length, atol=1e-12)


@pytest.mark.parametrize(('known', 'count', 'noise', 'tolerance'), [
    (slice(None), 20, 0.0, 1e-4), (slice(-1, None), 400, 0.0, 1e-3),
    (slice(None), 400, 1e-3, 1e-3), ([3, 7], 400, 1e-3, 3e-3)])
def test_offsets_and_length_are_found(known, count, noise, tolerance):
    """From a few whole chains, from the tool alone, and through noise."""
    found = calibrate(ARM, recording(count, known, noise))
    np.testing.assert_allclose(found.angle_offset, OFFSET, atol=tolerance)
    np.testing.assert_allclose(found.segment_lengths, 1.05 * ARM.segment_length,
                               atol=10.0 * tolerance * ARM.segment_length)
    angles = recording(50, seed=1).angles
    errors = np.linalg.norm((found.chain(ARM, angles) - TRUE.true_chain(angles))[..., :3], axis=-1)
    assert errors.max() < 10.0 * tolerance * ARM.length


def test_each_segment_has_its_own_length():
    seen = recording(100)
    lengths = ARM.segment_length * np.linspace(0.9, 1.1, ARM.joints)
    chains = forward_kinematics(ARM, seen.angles + OFFSET, lengths)
    found = calibrate(ARM, replace(seen, chains=chains))
    np.testing.assert_allclose(found.segment_lengths, lengths, rtol=2e-3)
    np.testing.assert_allclose(found.chain(ARM, seen.angles), chains, atol=1e-4)
    lesson = prepare(ARM, [replace(seen, chains=chains)])
    angles = torch.from_numpy(seen.angles + OFFSET)
    np.testing.assert_allclose(lesson.exact_chain(angles), chains, atol=1e-4)


def test_what_no_likely_geometry_explains_is_refused():
    """Such as poses in millimetres, and none at all."""
    seen = recording()
    with pytest.raises(RecordingError, match='no likely geometry'):
        calibrate(ARM, replace(seen, chains=1e3 * seen.chains))
    with pytest.raises(RecordingError, match='no pose'):
        calibrate(ARM, recording(known=[]))


# The offsets in a model


def with_offset(offset, path):
    model = ForwardModel.load(arm=ARM)
    weights_file.save(path, {**model.parameters.arrays, weights_file.ANGLE_OFFSET: offset},
                       ARM, {})
    return ForwardModel.load(path, ARM)


def test_a_model_with_offsets_is_the_model_at_the_true_angles(tmp_path):
    """In its chain and every derivative; so it is again from its bytes."""
    model = ForwardModel.load(arm=ARM)
    saved = with_offset(np.float32(OFFSET), tmp_path / 'weights.safetensors')
    angles = recording(5).angles
    for fitted in saved, ForwardModel.from_bytes(saved.to_bytes(), ARM):
        one, other = fitted.linearize(angles), model.linearize(angles + np.float32(OFFSET))
        np.testing.assert_array_equal(one.chain, other.chain)
        np.testing.assert_array_equal(one.gradient(one.chain), other.gradient(one.chain))
        np.testing.assert_array_equal(one.jacobian_rows([7, 2], [0, 4]),
                                      other.jacobian_rows([7, 2], [0, 4]))
    assert not evaluation.evaluate(saved, ARM, samples=10)['lengths']


@pytest.mark.parametrize('offset', [np.zeros((9, 2)), np.zeros(8), np.full((8, 2), np.nan)])
def test_offsets_of_another_arm_are_refused(tmp_path, offset):
    with pytest.raises(WeightsError, match='angle offsets'):
        with_offset(np.float32(offset), tmp_path / 'weights.safetensors')


# The lesson


def test_a_lesson_holds_out_the_end_and_begins_near_the_truth():
    """With offsets found and positions scaled, the network's own error is what is left."""
    start = ForwardModel.load(arm=ARM)
    seen = recording()
    lesson = prepare(ARM, [seen, recording(100, seed=1)], start)
    assert len(lesson.training) == 240 and len(lesson.held_out) == 60
    np.testing.assert_allclose(lesson.training.angles[:160], seen.angles[:160] + OFFSET, atol=1e-4)
    np.testing.assert_array_equal(lesson.held_out.chains[:40], seen.chains[160:])
    assert 'segments 1.0500 times as long as assumed' in lesson_table(lesson)
    before = evaluation.evaluate_recording(start, seen)['tool_position']['mean']
    network = Network()
    network.load_state_dict({name: torch.from_numpy(a) for name, a in lesson.start.items()})
    after = evaluation.evaluate_recording(evaluation.TorchPredictor(network), lesson.held_out)
    assert before > 5e-3 and after['tool_position']['mean'] < 1e-3


def test_too_little_to_learn_from_is_refused():
    seen = recording(40)
    still = replace(seen, angles=np.broadcast_to(seen.angles[:1], seen.angles.shape))
    with pytest.raises(RecordingError, match='1 samples on the move to learn from'):
        prepare(ARM, [still])


@pytest.mark.parametrize('known', [slice(None), slice(-1, None)], ids=['chain', 'tool'])
def test_weights_are_fitted_to_an_arm_and_can_be_fitted_again(tmp_path, known):
    """Their file records from what; a controller loads it as any other."""
    seen = recording(known=known)
    start = ForwardModel.load(arm=ARM)
    for name in 'first', 'second':
        lesson = prepare(ARM, [seen], start)
        path = train(ARM, FEW, tmp_path / name, progress=False, lesson=lesson)
        record = ForwardModel.load(path, ARM).training_record
        assert record['lesson'] == lesson.record
        assert record['lesson']['start'] == start.fingerprint
        start = ForwardModel.load(path, ARM)
        for truth in seen, recording(seed=5):
            errors = evaluation.evaluate_recording(start, truth)
            assert errors['tool_position']['mean'] < 2e-3
        assert record['tool_position']['recorded'] < 2e-3
    metrics = (tmp_path / 'second' / METRICS).read_text().splitlines()
    assert 'recorded' in json.loads(metrics[-1])['tool_position']


def test_a_network_learns_from_recordings_alone(tmp_path):
    lesson = prepare(ARM, [recording(1000)])
    train(ARM, SMALL, tmp_path, progress=False, lesson=lesson)
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert lines[-1]['loss'] < 0.7 * lines[0]['loss']


def test_a_run_goes_on_with_the_recordings_it_began_with(tmp_path):
    train(ARM, SMALL, tmp_path, progress=False, lesson=prepare(ARM, [recording()]))
    with pytest.raises(TrainingError, match='lesson digest was'):
        train(ARM, SMALL, tmp_path, resume=True, progress=False,
              lesson=prepare(ARM, [recording(seed=1)]))


def test_presets_and_recordings_belong_together(tmp_path):
    with pytest.raises(TrainingError, match='finetune learns from recordings'):
        train(ARM, preset('finetune'), tmp_path)
    with pytest.raises(TrainingError, match='shipped learns from drawn shapes'):
        train(ARM, preset('shipped'), tmp_path, lesson=prepare(ARM, [recording()]))
    with pytest.raises(SettingsError, match='joints and range'):
        Phase('rehearsed', joints=5, iterations=1)


def test_unknown_poses_are_no_part_of_an_error():
    """A model is measured where it was measured, and nowhere else."""
    model = ForwardModel.load(arm=ARM)
    tool = evaluation.evaluate_recording(model, recording(known=[7]))
    whole = evaluation.evaluate_recording(model, recording())
    assert tool['tool_position'] == whole['tool_position']
    assert tool['chain_position'] == tool['tool_position']
    middle = evaluation.evaluate_recording(model, recording(known=[3]))
    assert 'tool_position' not in middle and 'chain_position' in middle


# The commands


def write(path, seen):
    """Write a recording as a tracker's messages."""
    from test_recordings import BEGIN, MS, Tape
    with Tape(path, ARM) as tape:
        for i, (angles, chain) in enumerate(zip(seen.angles, seen.chains)):
            tape.states(BEGIN + 10 * i * MS, angles)
            tape.chain(BEGIN + 10 * i * MS, chain)


def test_the_commands_learn_from_files_and_measure_on_them(tmp_path, monkeypatch, capsys):
    pytest.importorskip('mcap_ros2')
    from snake_arm_control.training import presets
    monkeypatch.setitem(presets.PRESETS, 'finetune', FEW)
    for name in 'a', 'b':
        write(tmp_path / f'{name}.mcap', recording(seed=ord(name)))
    joints = ('--joints', str(ARM.joints))
    data = ('--data', str(tmp_path / 'a.mcap'))
    assert main(['train', *joints, *data, '--out', str(tmp_path / 'run')]) == 0
    *_, before, _, _, _, after, _, _, _, weights = capsys.readouterr().out.splitlines()
    assert before.startswith('before: 40 samples') and after.startswith('after: 40 samples')
    errors = {}
    for name, which in ('before', ()), ('after', ('--weights', weights)):
        out = str(tmp_path / 'result.json')
        assert main(['evaluate', *joints, '--data', str(tmp_path / 'b.mcap'), *which,
                     '--json', out]) == 0
        assert 'tool position' in capsys.readouterr().out
        recorded = json.loads((tmp_path / 'result.json').read_text())['tool_position']['mean']
        assert main(['evaluate', *joints, '--wrong-arm', '--samples', '20', *which,
                     '--json', out]) == 0
        drawn = json.loads((tmp_path / 'result.json').read_text())['distributions']
        errors[name] = (recorded, drawn['independent']['tool_position']['mean'])
    assert min(errors['before']) > 5e-3 and max(errors['after']) < 2e-3
    assert main(['evaluate', *data, '--plots', str(tmp_path)]) == 1
    assert 'expected neither with --data' in capsys.readouterr().err
    assert main(['train', *joints, '--weights', weights, '--out', str(tmp_path / 'no')]) == 1
    assert 'expected one of them and not shipped' in capsys.readouterr().err
    assert main(['train', *joints, *data, '--weights', weights, '--out', str(tmp_path / 'again'),
                 '--tracked-joints', '8']) == 0
    assert math.isfinite(ForwardModel.load(
        tmp_path / 'again' / 'weights.safetensors', ARM).training_record['lesson']['samples'])
