# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of training: what is drawn, learnt, saved, resumed and measured."""

from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, replace
import errno
import itertools
import json
import math
import os
from pathlib import Path
import signal
import subprocess
import sys

from arms import ARMS, random_angles, URDFS
import numpy as np
import pytest

torch = pytest.importorskip('torch')
from torch.optim.optimizer import register_optimizer_step_post_hook  # noqa: E402

from snake_arm_control.arm import pose  # noqa: E402
from snake_arm_control.arm.description import Arm  # noqa: E402
from snake_arm_control.arm.kinematics import forward_kinematics, jacobian  # noqa: E402
from snake_arm_control.cli import main  # noqa: E402
from snake_arm_control.errors import SettingsError, TrainingError, WeightsError  # noqa: E402
from snake_arm_control.model import batched, weights_file  # noqa: E402
from snake_arm_control.model.architecture import Architecture  # noqa: E402
from snake_arm_control.model.forward_model import ForwardModel  # noqa: E402
from snake_arm_control.model.network import Network  # noqa: E402
from snake_arm_control.training import (  # noqa: E402
    checkpoint,
    engine,
    evaluation,
    kinematics,
    run_folder,
    sampling,
    trainer,
)
from snake_arm_control.training.batches import Batches  # noqa: E402
from snake_arm_control.training.presets import (  # noqa: E402
    PAPER,
    Phase,
    preset,
    PRESETS,
    SHIPPED,
    TrainingSettings,
)
from snake_arm_control.training.soap import Soap  # noqa: E402
from snake_arm_control.training.start import Start  # noqa: E402
from snake_arm_control.training.team import Team  # noqa: E402
from snake_arm_control.training.trainer import train  # noqa: E402

ARM = Arm.uniform(joints=4)
SAMPLERS = [*sampling.HELD_OUT.values(), *sampling.MIXED, sampling.mixed]
FRESH = TrainingSettings(
    phases=(Phase('mixed', joints=2, iterations=8), Phase('mixed', iterations=16)),
    batch=8, optimiser='soap', rate=1e-2, warm_up=4, decay_from=0.5, clip=1.0,
    position_weight=9.0, architecture=Architecture(blocks=3, cells=2),
    evaluate_every=6, checkpoint_every=12, evaluation_samples=8)
FIXED = replace(FRESH, optimiser='adam', clip=math.inf, phases=(
    Phase(range=0.1, examples=12, epochs=4), Phase(examples=20, epochs=6)))
GENERAL_RUN = replace(FRESH, phases=(Phase('general', joints=2, iterations=8),
                                     Phase('general', iterations=16)))
DESCRIBED_RUN = replace(FRESH, phases=(Phase('described', iterations=24),))
RUNS = {'fresh': FRESH, 'fixed': FIXED, 'general': GENERAL_RUN, 'described': DESCRIBED_RUN}


@pytest.fixture(autouse=True)
def small_final_measurement(monkeypatch):
    monkeypatch.setattr(trainer, 'FINAL_SAMPLES', 8)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Exact:
    """Exact kinematics in the place of a model."""

    def predict(self, angles):
        return forward_kinematics(Arm.uniform(angles.shape[-2]), angles)

    def jacobian_rows(self, angles, joints, components):
        arm = Arm.uniform(angles.shape[-2])
        return jacobian(arm, self.predict(angles), angles)[..., joints, components, :, :]


# What is drawn


@pytest.mark.parametrize('draw', SAMPLERS)
@pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)
def test_shapes_keep_the_limits_and_follow_from_the_seed(draw, arm):
    """A sample is finite, within the limits, and the same for the same seed only."""
    angles = draw(arm, 50, generator())
    assert angles.shape == (50, *arm.rest.shape) and torch.isfinite(angles).all()
    lower, upper = arm.working_range
    beyond = np.maximum(lower - angles.numpy(), angles.numpy() - upper)
    assert beyond.max() <= 1e-6 * np.abs(upper - lower).max()
    assert torch.equal(angles, draw(arm, 50, generator()))
    assert not torch.equal(angles, draw(arm, 50, generator(1)))


def test_smooth_shapes_bend_gradually():
    """Of a smooth shape, neighbouring angles differ far less than those of independent ones."""
    arm = Arm()
    step = [float(draw(arm, 200, generator()).diff(dim=1).square().mean().sqrt())
            for draw in (sampling.smooth, sampling.independent)]
    assert step[0] < 0.2 * step[1]


@pytest.mark.parametrize('arm', ARMS.values(), ids=ARMS)
@pytest.mark.parametrize('batch', ((), (5,), (2, 3)))
def test_the_chain_and_its_gradient_in_torch_are_those_of_numpy(arm, batch):
    """The chains that are learnt are those of exact kinematics, also of segments stretched."""
    random = np.random.default_rng(0)
    angles = random_angles(arm, batch)
    lengths = arm.geometry.lengths * random.uniform(0.9, 1.1, arm.joints) if batch else None
    inputs = torch.tensor(angles, requires_grad=True)
    chain = kinematics.forward_kinematics(
        arm, inputs, None if lengths is None else torch.tensor(lengths))
    expected = forward_kinematics(arm, angles, lengths)
    np.testing.assert_allclose(chain.detach(), expected, atol=1e-12)
    by_chain = random.standard_normal(expected.shape)
    chain.backward(torch.tensor(by_chain))
    if lengths is None:
        gradient = np.einsum('...jc,...jcka->...ka', by_chain, jacobian(arm, expected, angles))
        np.testing.assert_allclose(inputs.grad, gradient, atol=1e-11)


# What a run learns from


def batches(settings, rank=0, size=1):
    return Batches(ARM, settings, Team(rank, size), None)


@pytest.mark.parametrize('settings', RUNS.values(), ids=RUNS)
def test_a_batch_depends_on_its_iteration_alone(settings):
    """Whichever were drawn before, so that a resumed run goes on as if it had never stopped."""
    drawn = batches(settings)
    inorder = [drawn.at(i) for i in range(settings.iterations)]
    assert not any(torch.equal(a[0], b[0]) for a, b in itertools.pairwise(inorder))
    for i in reversed(range(settings.iterations)):
        for again in drawn.at(i), batches(settings).at(i):
            assert all(map(torch.equal, again, inorder[i]))


def test_each_epoch_goes_through_every_example_once():
    """In another order each time; the last batch of an epoch may be smaller."""
    def rows(iterations):
        return [tuple(row.flatten().tolist()) for i in iterations for row in drawn.at(i)[0]]

    phase = FIXED.phases[0]
    drawn, steps = batches(FIXED), math.ceil(phase.examples / FIXED.batch)
    epochs = [rows(range(steps * e, steps * (e + 1))) for e in range(phase.epochs)]
    assert len(set(epochs[0])) == phase.examples
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == phase.epochs


def test_processes_split_a_batch_of_fixed_examples():
    """What they have together is what one alone has, each example once."""
    whole = batches(FIXED).at(1)[0]
    parts = [batches(FIXED, rank, 3).at(1)[0] for rank in range(3)]
    assert sorted(map(len, parts)) == [1, 1, 2]
    assert sorted(torch.cat(parts).tolist()) == sorted(whole.tolist())


# What learns


@pytest.mark.parametrize('batch, joints', [(1, 1), (3, 5), (engine.FEW + 1, 1),
                                           (batched.LANES + 5, 3)])
def test_engine_is_the_network(batch, joints):
    """The compiled engine and autograd give the same chains and the same gradients."""
    network = Network(Architecture(blocks=5, cells=2), generator())
    angles = sampling.independent(Arm.uniform(joints), batch, generator(1))
    weight = torch.randn(batch, joints, pose.SIZE, generator=generator(2))
    chains, gradients = [], []
    for predict in (network, lambda angles: engine.predict(network, angles)):
        network.zero_grad()
        inputs = angles.clone().requires_grad_()
        chain = predict(inputs)
        (weight * chain).sum().backward()
        chains.append(chain.detach())
        gradients.append({name: parameter.grad.clone()
                          for name, parameter in network.named_parameters()} | {'': inputs.grad})
    torch.testing.assert_close(*chains, rtol=1e-5, atol=1e-5)
    for name, a in gradients[0].items():
        b = gradients[1][name]
        assert joints == 1 or a.abs().max() > 0.0, name
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(a.abs().max()))


@pytest.mark.parametrize('batch', [3, engine.FEW + 1])
def test_engine_keeps_predictions_apart(batch):
    """Two predictions of one network may be differentiated together: their gradients add."""
    network = Network(Architecture(blocks=2, cells=2), generator())
    angles = sampling.independent(ARM, batch, generator())
    loss = engine.predict(network, angles).sum() + engine.predict(network, -angles).sum()
    loss.backward()
    both = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    engine.predict(network, torch.cat((angles, -angles))).sum().backward()
    for a, parameter in zip(both, network.parameters()):
        torch.testing.assert_close(a, parameter.grad, rtol=1e-4, atol=1e-4)


def soap_path(start, gradient_of, steps, **options):
    parameter = torch.nn.Parameter(start.clone())
    optimiser = Soap([parameter], **options)
    for _ in range(steps):
        parameter.grad = gradient_of(parameter.detach())
        optimiser.step()
    return parameter.detach()


def test_soap_does_not_care_for_the_basis():
    """A problem turned by rotations of rows and columns is solved along the turned path."""
    target, start, a, b = torch.randn(4, 3, 3, generator=generator(), dtype=torch.double)
    stiff = torch.tensor([100.0, 10.0, 1.0], dtype=torch.double)
    left, right = torch.linalg.qr(a).Q, torch.linalg.qr(b).Q

    def gradient(x):
        return (x - target) * stiff

    def turned(x):
        return left @ gradient(left.T @ x @ right) @ right.T

    plain = soap_path(start, gradient, 15, lr=0.1)
    other = soap_path(left @ start @ right.T, turned, 15, lr=0.1)
    assert (plain - start).abs().max() > 0.5  # it went somewhere, over a change of bases
    torch.testing.assert_close(left @ plain @ right.T, other, rtol=1e-3, atol=1e-3)


def test_soap_goes_on_from_its_state():
    """Saving and loading an optimiser's state changes nothing in what follows."""
    network, twin = (Network(Architecture(blocks=2, cells=2), generator()) for _ in range(2))
    angles = sampling.mixed(ARM, 16, generator())
    target = kinematics.forward_kinematics(ARM, angles)

    def learn(network, optimiser, steps):
        for _ in range(steps):
            optimiser.zero_grad()
            (engine.predict(network, angles) - target).square().mean().backward()
            optimiser.step()

    optimiser, resumed = Soap(network.parameters()), Soap(twin.parameters())
    learn(network, optimiser, 13)
    twin.load_state_dict(network.state_dict())
    resumed.load_state_dict(deepcopy(optimiser.state_dict()))
    learn(network, optimiser, 13)
    learn(twin, resumed, 13)
    for a, b in zip(network.parameters(), twin.parameters()):
        assert torch.equal(a, b)


# What is asked for


def test_paper_preset_is_the_papers():
    """Ten episodes of growing range, 2 000 examples, in the last 20 000; 50 epochs, Adam 1e-4."""
    assert [phase.range for phase in PAPER.phases] == pytest.approx(np.arange(1, 11) / 10)
    assert [phase.examples for phase in PAPER.phases] == 9 * [2000] + [20000]
    assert {phase.epochs for phase in PAPER.phases} == {50}
    assert {phase.distribution for phase in PAPER.phases} == {'independent'}
    assert {PAPER.rate_at(i) for i in (0, 1000, PAPER.iterations - 1)} == {1e-4}
    assert (PAPER.optimiser, PAPER.architecture) == ('adam', Architecture(24, 3))
    assert torch.optim.Adam(Network().parameters()).defaults['betas'] == (0.9, 0.999)


def test_rate_grows_and_falls_to_none():
    """With warm-up and decay, the rate starts and ends near none and never exceeds its setting."""
    rates = [SHIPPED.rate_at(i) for i in range(SHIPPED.iterations)]
    assert max(rates) == SHIPPED.rate and min(rates) > 0.0
    for begin, part in ((0, 1.0), *SHIPPED.restarts):
        assert rates[begin] < 0.02 * SHIPPED.rate
        assert rates[begin - 1] < 1e-4 * SHIPPED.rate
        assert rates[begin + SHIPPED.warm_up] == part * SHIPPED.rate


@pytest.mark.parametrize('changes', [
    {'phases': ()}, {'optimiser': 'sgd'}, {'batch': 0}, {'rate': -1.0}, {'decay_from': 2.0},
    {'seed': -1}, {'warm_up': math.nan}, {'restarts': ((24, 1.0),)}])
def test_impossible_settings_are_refused(changes):
    """A setting outside its range raises an error that names it."""
    with pytest.raises(SettingsError, match=next(iter(changes))):
        replace(FRESH, **changes)


@pytest.mark.parametrize('changes', [
    {'range': 0.0}, {'range': 1.5}, {'iterations': 0}, {'examples': 5},
    {'distribution': 'normal'}, {'joints': -1}])
def test_impossible_phases_are_refused(changes):
    """A phase is either fixed examples for some epochs or fresh ones for some iterations."""
    with pytest.raises(SettingsError, match=next(iter(changes))):
        Phase(**{'iterations': 5, **changes})


def test_presets_are_known_by_their_names():
    """A preset comes with its own seed or another; one that isn't known is refused by name."""
    assert preset('paper') is PAPER and preset('shipped') is SHIPPED
    assert preset('paper', seed=7) == replace(PAPER, seed=7)
    with pytest.raises(SettingsError, match='fast'):
        preset('fast')


# What is saved


def state(number):
    return {'number': number, 'weights': torch.full((1000,), float(number))}


def test_checkpoint_comes_back(tmp_path):
    """What is loaded is what was saved last."""
    for number in range(3):
        checkpoint.save(tmp_path, state(number))
    loaded = checkpoint.load(tmp_path)
    assert loaded['number'] == 2 and torch.equal(loaded['weights'], state(2)['weights'])


@pytest.mark.parametrize('damage', ['cut', 'empty', 'flip', 'gone'])
def test_damaged_checkpoint_costs_one_checkpoint(tmp_path, caplog, damage):
    """When the newest checkpoint is damaged, the one before is loaded, and that's said."""
    checkpoint.save(tmp_path, state(1))
    checkpoint.save(tmp_path, state(2))
    newest = tmp_path / checkpoint.NAME
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes({'cut': data[:-1000], 'empty': b'', 'flip': data, 'gone': b''}[damage])
    if damage == 'gone':
        newest.unlink()
    assert checkpoint.load(tmp_path)['number'] == 1
    assert checkpoint.NAME in caplog.text and checkpoint.PREVIOUS in caplog.text
    checkpoint.save(tmp_path, state(3))
    assert checkpoint.load(tmp_path)['number'] == 3


def test_no_whole_checkpoint_is_an_error(tmp_path):
    """Where all is damaged, the error names every file that was tried."""
    for name in (checkpoint.NAME, checkpoint.PREVIOUS):
        (tmp_path / name).write_bytes(b'not one')
    with pytest.raises(checkpoint.CheckpointError, match=f'{checkpoint.NAME}.*damaged'):
        checkpoint.load(tmp_path)


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_loses_nothing_that_was_saved(tmp_path, monkeypatch):
    """When a checkpoint can't be written, those before stay, and no piece of it is left."""
    for number in (1, 2):
        checkpoint.save(tmp_path, state(number))
    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', full_disk)
        with pytest.raises(OSError, match='space'):
            checkpoint.save(tmp_path, state(3))
    assert checkpoint.load(tmp_path)['number'] == 2
    assert {path.name for path in tmp_path.iterdir()} == {checkpoint.NAME, checkpoint.PREVIOUS}


# A run


def weights_of(path):
    return ForwardModel.load(path, ARM).parameters.arrays


def learnt(folder):
    """Return all of the metrics that doesn't depend on the clock."""
    return [{key: value for key, value in json.loads(line).items() if key != 'seconds'}
            for line in (folder / run_folder.METRICS).read_text().splitlines()]


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@contextmanager
def interrupted_at(iteration):
    """Press Ctrl-C in that iteration."""
    steps = itertools.count(1)

    def press(*_):
        if next(steps) == iteration:
            signal.raise_signal(signal.SIGINT)

    hook = register_optimizer_step_post_hook(press)
    try:
        yield
    finally:
        hook.remove()


@pytest.mark.parametrize('settings', RUNS.values(), ids=RUNS)
def test_interrupted_run_ends_as_one_that_was_not(tmp_path, settings):
    """Ctrl-C leaves a checkpoint; resumed from it, a run ends at the same weights, bit by bit."""
    before = signal.getsignal(signal.SIGINT)  # a shell starts background jobs that ignore it
    whole = train(ARM, settings, tmp_path / 'whole', progress=False)
    with interrupted_at(9), pytest.raises(KeyboardInterrupt, match='10'):
        train(ARM, settings, tmp_path / 'parts', progress=False)
    part = ForwardModel.load(tmp_path / 'parts' / run_folder.WEIGHTS, ARM)
    assert part.training_record['iterations'] == 10 and not part.training_record['finished']
    parts = train(ARM, settings, tmp_path / 'parts', resume=True, progress=False)
    assert same(weights_of(whole), weights_of(parts))
    assert not same(part.parameters.arrays, weights_of(parts))
    assert learnt(tmp_path / 'whole') == learnt(tmp_path / 'parts')
    assert signal.getsignal(signal.SIGINT) is before


def test_run_resumes_from_the_checkpoint_before_a_damaged_one(tmp_path):
    """A truncated checkpoint costs the iterations since the one before, and nothing else."""
    whole = train(ARM, FRESH, tmp_path, progress=False)
    expected, metrics = weights_of(whole), learnt(tmp_path)
    newest = tmp_path / checkpoint.NAME
    newest.write_bytes(newest.read_bytes()[:5000])
    again = train(ARM, FRESH, tmp_path, resume=True, progress=False)
    assert same(weights_of(again), expected) and learnt(tmp_path) == metrics


def test_full_disk_does_not_stop_a_run(tmp_path, monkeypatch, caplog):
    """A checkpoint that can't be written is a warning; the run ends as without it."""
    expected = weights_of(train(ARM, FRESH, tmp_path / 'roomy', progress=False))
    save, calls = checkpoint.save, []

    def full_at_first(*arguments):
        calls.append(arguments)
        return full_disk() if len(calls) == 1 else save(*arguments)

    monkeypatch.setattr(checkpoint, 'save', full_at_first)
    path = train(ARM, FRESH, tmp_path / 'full', progress=False)
    assert 'not saved' in caplog.text and len(calls) > 1
    assert same(weights_of(path), expected)


def test_the_run_folder_records_the_run(tmp_path):
    """The folder has the settings, the metrics, a picture, and weights that say how they came."""
    path = train(ARM, FRESH, tmp_path, progress=False)
    config = json.loads((tmp_path / run_folder.CONFIG).read_text())
    assert config['arm']['joints'] == 4 and config['settings']['rate'] == FRESH.rate
    metrics = learnt(tmp_path)
    assert [line['iteration'] for line in metrics] == [6, 12, 18, 24]
    assert metrics[-1]['samples'] == 24 * FRESH.batch
    assert (tmp_path / run_folder.CURVES).read_bytes().startswith(b'\x89PNG')
    record = ForwardModel.load(path, ARM).training_record
    assert record['finished'] and record['iterations'] == FRESH.iterations
    assert set(record['tool_position']) == set(sampling.HELD_OUT)


@pytest.mark.parametrize('distribution, iterations', [
    ('mixed', 150), ('general', 400), ('described', 150)])
def test_run_learns(tmp_path, distribution, iterations):
    """A short run predicts better than one that was never trained."""
    settings = replace(FRESH, phases=(Phase(distribution, iterations=iterations),), batch=32,
                       architecture=Architecture(blocks=8, cells=2), evaluate_every=10,
                       checkpoint_every=1000)
    train(ARM, settings, tmp_path, progress=False)
    first, *_, last = learnt(tmp_path)
    assert last['loss'] < 0.3 * first['loss']
    assert last['tool_position']['independent'] < 0.5 * first['tool_position']['independent']


@pytest.mark.parametrize('name', ('so101', 'random 5'))
def test_a_run_for_one_arm_learns_it_from_its_description(tmp_path, name):
    """Whatever its joints, hinges and slides; its weights serve it alone, and say so."""
    settings = replace(DESCRIBED_RUN, phases=(Phase('described', iterations=150),), batch=32,
                       architecture=Architecture(blocks=8, cells=2), evaluate_every=10,
                       checkpoint_every=1000)
    path = train(ARMS[name], settings, tmp_path, progress=False)
    first, *_, last = learnt(tmp_path)
    assert last['tool_position']['independent'] < 0.7 * first['tool_position']['independent']
    model = ForwardModel.load(path, ARMS[name])
    angles = evaluation.held_out(sampling.independent, ARMS[name], 50, 1)
    off = model.predict(angles) - forward_kinematics(ARMS[name], angles)
    assert np.linalg.norm(off[:, -1, :3], axis=-1).mean() == pytest.approx(
        last['tool_position']['independent'], rel=0.5)
    with pytest.raises(WeightsError, match='trained for the arm'):
        ForwardModel.load(path, ARM)


def test_a_run_goes_on_from_the_weights_that_it_was_given(tmp_path):
    """It begins as good as they are, and its record names them; others are refused."""
    settings = replace(GENERAL_RUN, architecture=Architecture(), rate=1e-9)
    start = Start(weights_file.SHIPPED, settings.architecture)
    path = train(Arm.uniform(8), settings, tmp_path, progress=False, start=start)
    record = ForwardModel.load(path, Arm.uniform(8)).training_record
    assert record['start']['fingerprint'] == ForwardModel.load().fingerprint
    assert record['start']['training'] == ForwardModel.load().training_record
    assert max(record['tool_position'].values()) < 2e-3
    with pytest.raises(TrainingError, match='start fingerprint was'):
        train(Arm.uniform(8), settings, tmp_path, resume=True, progress=False,
              start=Start(path, settings.architecture))
    with pytest.raises(WeightsError, match='24 blocks of 3 cells, expected 3 of 2'):
        Start(weights_file.SHIPPED, Architecture(3, 2))


def test_the_command_fits_general_weights_to_the_one_arm_of_a_file(tmp_path, monkeypatch, capsys):
    few = replace(PRESETS['described'], phases=(Phase('described', iterations=20),), batch=8,
                  warm_up=1, evaluation_samples=8)
    monkeypatch.setitem(PRESETS, 'described', few)
    urdf = str(URDFS / 'panda.urdf')
    assert main(['train', '--arm', urdf, '--out', str(tmp_path)]) == 0
    path = Path(capsys.readouterr().out.split()[-1])
    record = ForwardModel.load(path, ARMS['panda']).training_record
    assert record['preset'] == 'described' and record['iterations'] == 20
    start = Start(weights_file.GENERAL, Architecture())
    assert record['start']['fingerprint'] == start.fingerprint
    assert main(['train', '--weights', str(path), '--out', str(tmp_path / 'no')]) == 1
    assert 'not shipped' in capsys.readouterr().err


def test_run_is_never_overwritten_nor_mixed_up(tmp_path):
    """A folder with a run is only resumed on demand, by the same run."""
    with pytest.raises(TrainingError, match='no checkpoint'):
        train(ARM, FRESH, tmp_path, resume=True, progress=False)
    train(ARM, FRESH, tmp_path, progress=False)
    with pytest.raises(TrainingError, match='holds a run'):
        train(ARM, FRESH, tmp_path, progress=False)
    with pytest.raises(TrainingError, match='rate was 0.01, now 0.5'):
        train(ARM, replace(FRESH, rate=0.5), tmp_path, resume=True, progress=False)


def test_run_that_diverges_saves_nothing(tmp_path):
    """Weights that are no longer finite never replace a checkpoint."""
    with pytest.raises(TrainingError, match='finite|nan'):
        train(ARM, replace(FIXED, rate=math.inf, warm_up=0), tmp_path, progress=False)
    assert not checkpoint.exists(tmp_path)


def test_two_processes_learn_what_one_does(tmp_path):
    """Two processes that split each batch end at the weights of one that has it all."""
    settings = replace(FIXED, phases=(Phase(examples=16, epochs=4),))
    alone = weights_of(train(ARM, settings, tmp_path / 'alone', progress=False))
    script = tmp_path / 'together.py'
    script.write_text(
        'from math import inf\n'
        'from snake_arm_control.arm.description import Arm\n'
        'from snake_arm_control.model.architecture import Architecture\n'
        'from snake_arm_control.training.trainer import train\n'
        'from snake_arm_control.training.presets import Phase, TrainingSettings\n'
        f'train(Arm.uniform({ARM.joints}), {settings!r}, {str(tmp_path / "together")!r}, '
        'progress=False)\n'
        # Threads of the group that are left would at times abort the process at its end.
        'from pathlib import Path\n'
        "assert not [at for at in Path('/proc/self/task').glob('*/comm') "
        "if 'gloo' in at.read_text()]\n")
    root = Path(trainer.__file__).parents[2]
    subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node=2',
         str(script)], check=True, timeout=120,
        env={**os.environ, 'OMP_NUM_THREADS': '1',
             'PYTHONPATH': os.pathsep.join((str(root), os.environ.get('PYTHONPATH', '')))})
    together = weights_of(tmp_path / 'together' / run_folder.WEIGHTS)
    for name, expected in alone.items():
        np.testing.assert_allclose(together[name], expected, atol=2e-5, err_msg=name)
    assert json.loads((tmp_path / 'together' / run_folder.CONFIG).read_text())['processes'] == 2


# What is measured


def test_exact_model_has_no_error():
    """Exact kinematics measured against itself has no error, in poses or derivatives."""
    result = evaluation.evaluate(Exact(), ARM, samples=20, lengths=(1, 6))
    for of in result['distributions'].values():
        for kind in ('tool_position', 'chain_position', 'tool_axes', 'chain_axes'):
            assert of[kind]['max'] < 1e-7
        assert of['tool_jacobian']['all']['max'] < 1e-7
    assert result['lengths']['6']['limits']['tool_position']['max'] < 1e-7


def test_known_error_is_measured():
    """A model off by a known offset and turn has exactly that error at every joint."""
    class Off(Exact):
        def predict(self, angles):
            chain = super().predict(angles)
            chain[..., 0] += 3e-3
            sine, cosine = math.sin(0.02), math.cos(0.02)
            turn = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
            chain[..., pose.UP] = chain[..., pose.UP] @ turn
            return chain

        def jacobian_rows(self, *arguments):
            return 1.25 * super().jacobian_rows(*arguments)

    of = evaluation.evaluate(Off(), ARM, samples=20, lengths=())['distributions']['independent']
    assert of['tool_position']['mean'] == pytest.approx(3e-3)
    assert of['position_by_joint'] == pytest.approx(4 * [3e-3])
    assert 0.5 * 0.02 < of['tool_axes']['p95'] <= of['tool_axes']['max'] < 0.02 + 1e-9
    assert of['tool_jacobian']['position']['mean'] == pytest.approx(0.25, abs=0.05)


def test_every_model_of_the_same_weights_has_the_same_errors(tmp_path):
    """The torch network and the compiled model, for any length of arm."""
    path = train(ARM, FRESH, tmp_path / 'run', progress=False)
    compiled = ForwardModel.load(path, ARM)
    network = Network(FRESH.architecture)
    network.load_state_dict({name: torch.tensor(array)
                             for name, array in compiled.parameters.arrays.items()})
    result = evaluation.evaluate(compiled, ARM, seed=3, samples=20, lengths=(1, 6))
    for joints, samples, of in ((4, 20, result['distributions']), (1, 2, result['lengths']['1']),
                                (6, 2, result['lengths']['6'])):
        errors = evaluation.tool_errors(
            evaluation.TorchPredictor(network), Arm.uniform(joints), 3, samples)
        assert errors == pytest.approx(
            {name: each['tool_position']['mean'] for name, each in of.items()}, rel=1e-4)
    evaluation.write_report(result, tmp_path / 'report')
    assert json.loads((tmp_path / 'report' / 'evaluation.json').read_text()) == result
    assert len([*(tmp_path / 'report').glob('*.png')]) == 2
    assert 'independent' in evaluation.table(result)


def test_shipped_weights_come_from_their_preset_and_are_accurate():
    """They come from their preset, whole, and miss by under 3 mm and 3 % of the Jacobian."""
    model = ForwardModel.load()
    record = model.training_record
    settings = json.loads(json.dumps(asdict(SHIPPED)))
    architecture = settings.pop('architecture')
    assert settings.pop('basis_every') == Soap([torch.zeros(1)]).defaults['basis_every']
    assert {name: record['settings'][name] for name in settings} == settings
    assert architecture == asdict(Architecture(**record['settings']['architecture']))
    assert record['finished']
    result = evaluation.evaluate(model, Arm(), seed=11, samples=200, lengths=())
    for of in result['distributions'].values():
        assert of['tool_position']['mean'] < 3e-3
        assert of['tool_jacobian']['all']['mean'] < 3e-2
