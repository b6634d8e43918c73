# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Laws of the form in which a network reads arms of any geometry."""

from pathlib import Path

from arms import ARMS, random_angles
import numpy as np
import pytest

from snake_arm_control.arm.description import Arm
from snake_arm_control.arm.kinematics import forward_kinematics
from snake_arm_control.arm.link import Axis, Link
from snake_arm_control.arm.placement import Placement
from snake_arm_control.errors import WeightsError
from snake_arm_control.model import weights_file
from snake_arm_control.model.architecture import ANGLES, Architecture, GEOMETRY
from snake_arm_control.model.forward_model import ForwardModel
from snake_arm_control.model.normal_form import NormalForm, READS, TURN

torch = pytest.importorskip('torch')
from snake_arm_control.model.network import Network  # noqa: E402
from snake_arm_control.training import chains  # noqa: E402
from snake_arm_control.training.start import Start  # noqa: E402

ANY = [[-10.0, 10.0]] * GEOMETRY
SNAKES = [name for name in ARMS if name.startswith(('uniform', 'reu', 'tdcr'))]


def bent_arm(seed=0, joints=6):
    """Return an arm of every kind of joint that the form has, mounted and with a tool."""
    generator = np.random.default_rng(seed)
    links = []
    for j in range(joints):
        first = generator.normal(size=3)
        second = np.cross(first, generator.normal(size=3))
        axes = [Axis(f'hinge_{j}', first), Axis(f'other_{j}', second)][:generator.integers(0, 3)]
        if j == joints // 2:
            axes = [Axis(f'slide_{j}', first, slides=True, lower=-0.1, upper=0.1)]
        links.append(Link(f'link_{j}', Placement(generator.normal(0.0, 0.1, 3),
                                                 generator.uniform(-3.0, 3.0, 3)), axes))
    return Arm([*links, Link('last', Placement((0.0, 0.0, 0.1)), [Axis('last')])],
               Placement((0.1, 0.0, 0.2), (0.3, 0.2, 0.1)), Placement((1.0, 0.0, 0.0)))


FORMED = {**{name: ARMS[name] for name in (*SNAKES, 'panda', 'so101')},
          **{f'drawn {seed}': bent_arm(seed) for seed in range(6)}}


@pytest.mark.parametrize('arm', FORMED.values(), ids=FORMED)
def test_the_form_is_the_arm(arm):
    """The poses of what is read of an arm, placed in the arm, are those of its kinematics."""
    form, angles = NormalForm.of(arm), random_angles(arm, (20,))
    poses = chains.forward_kinematics(torch.tensor(form.read(angles))).numpy()
    np.testing.assert_allclose(form.place(poses, angles), forward_kinematics(arm, angles),
                               atol=1e-12)


@pytest.mark.parametrize('name', SNAKES)
def test_straight_arms_have_no_geometry(name):
    """However axes and frames are turned in the description: no joint is turned, nor bent."""
    form = NormalForm.of(ARMS[name])
    np.testing.assert_allclose(form.constants, 0.0, atol=1e-3)  # in URDFs angles are rounded
    np.testing.assert_allclose(form.slopes[..., TURN], 0.0, atol=1e-12)


def chain_of(ways, axes=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))):
    """Return an arm of one axis a joint, in turn, with the way from each joint to the next."""
    placements = [Placement(), *(Placement(tuple(way)) for way in ways[:-1])]
    return Arm([Link(f'link_{j}', placement, [Axis(f'joint_{j}', axes[j % len(axes)])])
                for j, placement in enumerate(placements)], Placement(tuple(ways[-1])))


def test_lengths_and_offsets_are_not_read():
    """Arms of the same axes are read the same; they differ in where their links go."""
    generator = np.random.default_rng(0)
    one = chain_of(np.tile((0.0, 0.0, 0.1), (8, 1)))
    other = chain_of(generator.uniform(0.01, 0.2, (8, 3)))
    np.testing.assert_allclose(NormalForm.of(other).constants, NormalForm.of(one).constants,
                               atol=1e-9)
    np.testing.assert_allclose(NormalForm.of(other).slopes, NormalForm.of(one).slopes, atol=1e-9)


def test_an_arm_is_read_the_same_however_large_it_is_and_wherever_it_stands():
    """The scale, the mount and the turn of the base are applied outside."""
    arm = bent_arm(1)
    large = Arm([Link(link.name, Placement(tuple(3.0 * x for x in link.placement.xyz),
                                           link.placement.rpy),
                      link.axes) for link in arm.links],
                Placement(tuple(3.0 * x for x in arm.tool.xyz), arm.tool.rpy))
    moved = Arm([Link(arm.links[0].name, Placement((5.0, 0.0, 0.0), (1.0, 2.0, 0.5))
                      @ arm.links[0].placement, arm.links[0].axes), *arm.links[1:]],
                arm.tool)
    read = NormalForm.of(arm)
    turning = [all(not axis.slides for axis in link.axes) for link in arm.links]
    for other in large, moved:
        np.testing.assert_allclose(NormalForm.of(other).constants, read.constants, atol=1e-9)
        np.testing.assert_allclose(NormalForm.of(other).slopes[turning], read.slopes[turning],
                                   atol=1e-9)


def test_joints_that_the_network_can_not_read_are_named():
    skew = [Axis('a', (1.0, 0.0, 0.0)), Axis('b', (1.0, 1.0, 0.0))]
    with pytest.raises(WeightsError, match='axes of a and b meet at 45 degrees'):
        NormalForm.of(Arm([Link('link', axes=skew)], Placement((0.0, 0.0, 1.0))))
    copying = [Link('one', axes=[Axis('a', (1.0, 0.0, 0.0))]),
               Link('two', Placement((0.0, 0.0, 1.0)), [Axis('b', follows='a')])]
    with pytest.raises(WeightsError, match='b follows a'):
        NormalForm.of(Arm(copying, Placement((0.0, 0.0, 1.0))))


def network(seed=0):
    """Return a network that reads geometry, its weights at random, in double precision."""
    return Network(Architecture(4, 2, GEOMETRY), torch.Generator().manual_seed(seed)).double()


def model_of(arm, tmp_path, net):
    path = Path(tmp_path, 'weights.safetensors')
    arrays = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    weights_file.save(path, arrays, arm, {}, None)
    return ForwardModel.load(path, arm, np.float64)


@pytest.mark.parametrize('arm', FORMED.values(), ids=FORMED)
@pytest.mark.parametrize('batch', ((), (3,)))
def test_the_compiled_network_of_an_arm_is_the_torch_network_on_what_is_read(tmp_path, arm, batch):
    """Its chain is torch's, its gradient autograd's, and its rows are those of the gradient."""
    net = network()
    model, form = model_of(arm, tmp_path, net), NormalForm.of(arm)
    angles = random_angles(arm, batch, bend=0.5)
    with torch.no_grad():
        predicted = net(torch.tensor(form.read(angles))[None])[0].numpy()
    expected = form.place(predicted, angles)
    here = model.linearize(angles)
    np.testing.assert_allclose(here.chain, expected, atol=1e-9)

    step, way = 1e-6, np.random.default_rng(0).normal(size=angles.shape) * arm.free
    by_chain = np.random.default_rng(1).normal(size=here.chain.shape)
    there, back = (model.predict(angles + sign * step * way) for sign in (1.0, -1.0))
    slope = (there - back) / (2.0 * step)
    np.testing.assert_allclose(np.sum(here.gradient(by_chain) * way, axis=(-2, -1)),
                               np.sum(by_chain * slope, axis=(-2, -1)), rtol=1e-6, atol=1e-7)
    for joints in (np.array([arm.joints - 1, 0]), np.repeat(np.arange(arm.joints), 9)):
        components = np.resize(np.arange(9), joints.shape)
        rows = here.jacobian_rows(joints, components)
        np.testing.assert_allclose(np.sum(rows * way[..., None, :, :], axis=(-2, -1)),
                                   slope[..., joints, components], rtol=1e-6, atol=1e-7)


def test_weights_of_one_arm_are_refused_for_another(tmp_path):
    model = model_of(bent_arm(1), tmp_path, network())
    with pytest.raises(WeightsError, match='it was trained for the arm'):
        ForwardModel.from_bytes(model.to_bytes(), bent_arm(2))


def test_a_network_of_angles_alone_goes_on_as_one_that_reads_geometry(tmp_path):
    """Of a straight arm of equal segments it predicts the same."""
    first = Network(Architecture(4, 2), torch.Generator().manual_seed(0))
    arrays = {name: value.numpy() for name, value in first.state_dict().items()}
    weights_file.save(tmp_path / 'weights', arrays, Arm(), {})
    second = Network(Architecture(4, 2, GEOMETRY))
    start = Start(tmp_path / 'weights', Architecture(4, 2))
    second.load_state_dict({name: torch.tensor(array)
                            for name, array in start.reading_geometry().items()})
    angles = torch.rand((3, 5, 2), generator=torch.Generator().manual_seed(1))
    readings = torch.cat((angles, torch.zeros(3, 5, GEOMETRY)), -1)
    assert torch.equal(first(angles), second(readings))


# What the general network learns from


@pytest.mark.parametrize('joints', (1, 2, 40))
def test_drawn_arms_are_within_the_ranges_that_the_weights_serve(joints):
    """And follow from the seed."""
    drawn = chains.draw(400, joints, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, chains.draw(400, joints, torch.Generator().manual_seed(0)))
    assert drawn.shape == (400, joints, READS) and drawn.isfinite().all()
    low, high = torch.tensor(chains.ranges()).unbind(-1)
    assert (low - 1e-6 <= drawn).all() and (drawn <= high + 1e-6).all()
    assert drawn[:, -1, TURN].abs().max() == 0.0


def test_every_kind_of_arm_is_drawn():
    """Straight and bent at rest, of one axis a joint and of two."""
    drawn = chains.draw(400, 10, torch.Generator().manual_seed(0))
    angles, geometry = drawn[..., :ANGLES], drawn[:, :-1, TURN]
    one = (angles == 0.0).any(-1).all(-1)
    plain = (geometry == 0.0).all(-1).all(-1)
    for part in one, ~one, plain, plain & one, plain & ~one:
        assert 0.03 < part.float().mean() < 0.97
    for number in range(GEOMETRY):
        assert 0.03 < (geometry[..., number] == 0.0).all(-1).float().mean() < 0.97


# Which arms it serves


def ranged(tmp_path, ranges=None):
    path = Path(tmp_path, 'weights.safetensors')
    arrays = {name: value.detach().numpy() for name, value in network().state_dict().items()}
    weights_file.save(path, arrays, Arm(), {}, ranges or chains.ranges())
    return path


@pytest.mark.parametrize('name', SNAKES)
def test_weights_of_ranges_serve_every_arm_within_them(tmp_path, name):
    assert ForwardModel.load(ranged(tmp_path), ARMS[name]).predict(ARMS[name].rest).shape == (
        ARMS[name].joints, 9)


UP, TILTED = (0.0, 0.0, 0.1), (0.0, 0.6, 0.0)


def bent(rpy, limit=1.5):
    """Return an arm of hinges about x whose second is turned against the first."""
    links = [Link('a', axes=[Axis('a', (1.0, 0.0, 0.0), lower=-limit, upper=limit)]),
             Link('b', Placement(UP, rpy), [Axis('b', (1.0, 0.0, 0.0), lower=-1.0, upper=1.0)])]
    return Arm(links, Placement(UP))


def rolling():
    """Return an arm whose first joint turns it about itself, without limits."""
    return Arm([Link('a', axes=[Axis('roll')]),
                Link('b', Placement(UP), [Axis('bend', (1.0, 0.0, 0.0), lower=-1.0, upper=1.0)])],
               Placement(UP))


def test_arms_of_any_length_and_offset_are_served(tmp_path):
    ways = np.random.default_rng(0).uniform(0.01, 0.2, (8, 3))
    arm = chain_of(ways)
    angles = random_angles(arm, (3,), bend=0.2)
    assert ForwardModel.load(ranged(tmp_path), arm).predict(angles).shape == (3, 8, 9)


@pytest.mark.parametrize('arm, message', [
    (ARMS['panda'], 'panda_joint1 turns to -166 degrees, expected at most 90'),
    (rolling(), 'roll rolls its link about itself without limits'),
    (bent((0.0, 0.0, 0.0), 1.7), 'a turns to -97 degrees, expected at most 90'),
    (bent(TILTED), 'the joint after a is turned by -?34 degrees about y, expected -14 to 14')])
def test_the_joint_that_is_not_served_is_named(tmp_path, arm, message):
    with pytest.raises(WeightsError, match=message):
        ForwardModel.load(ranged(tmp_path), arm)


def test_damaged_ranges_are_refused(tmp_path):
    with pytest.raises(WeightsError, match='ranges are damaged'):
        ForwardModel.load(ranged(tmp_path, [[0.0, 1.0]]), Arm())
