# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of training runs, with those that are known by a name."""

from __future__ import annotations

from dataclasses import dataclass, replace
import math

from snake_arm_control.errors import SettingsError
from snake_arm_control.model.architecture import Architecture, GEOMETRY, INWARD_BLOCKS

RECORDED = ('recorded', 'rehearsed')  # distributions that need a lesson
GEOMETRIC = ('general', 'described')  # of a network that reads geometry
DISTRIBUTIONS = ('independent', 'mixed', *RECORDED, *GEOMETRIC)
OPTIMISERS = ('adam', 'soap')


@dataclass(frozen=True)
class Phase:
    """
    A part of a run: which shapes it learns from, and for how long.

    With `examples`, that many shapes are drawn once and used `epochs` times; without, every batch
    is drawn anew, for `iterations`. The distribution `recorded` is what a real arm did;
    `rehearsed` is half that, half `mixed` shapes of its geometry, so that these are not forgotten.
    Of a network that also reads the geometry of the joints, `general` is `mixed` shapes of random
    arms, and `described` those of the one arm that is described.
    """

    distribution: str = 'independent'
    joints: int = 0  # length of the arm; 0: the arm's own
    range: float = 1.0  # fraction of the angle limits that the shapes may use  # noqa: A003
    examples: int = 0
    epochs: int = 0
    iterations: int = 0

    def __post_init__(self):
        if self.distribution not in DISTRIBUTIONS:
            raise SettingsError(f'distribution is {self.distribution!r}, expected one of '
                                f'{DISTRIBUTIONS}')
        if not 0.0 < self.range <= 1.0:
            raise SettingsError(f'range is {self.range!r}, expected more than 0, at most 1')
        if self.joints < 0:
            raise SettingsError(f'joints is {self.joints!r}, expected 0 or more')
        fresh = self.iterations > 0 and self.examples == self.epochs == 0
        if not (fresh or self.iterations == 0 and self.examples > 0 and self.epochs > 0):
            raise SettingsError(
                f'examples, epochs, iterations are {self.examples}, {self.epochs}, '
                f'{self.iterations}, expected either the first two or the last to be positive')
        if self.is_recorded and (self.joints or self.range < 1.0):
            raise SettingsError(f'joints and range are {self.joints}, {self.range}, expected 0, 1 '
                                f'with {self.distribution} shapes')

    @property
    def is_recorded(self) -> bool:
        """Whether its shapes are those of a real arm."""
        return self.distribution in RECORDED

    def steps(self, batch: int) -> int:
        """Return how many batches the phase takes; the last one of an epoch may be smaller."""
        return self.iterations or self.epochs * math.ceil(self.examples / batch)


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that the result of a run depends on, except for the arm and the machine."""

    preset: str = 'own'
    seed: int = 0
    phases: tuple[Phase, ...] = (Phase(iterations=1000),)
    batch: int = 64  # samples an iteration, of all processes together
    optimiser: str = 'adam'
    basis_every: int = 10  # iterations, of SOAP's bases
    rate: float = 1e-4  # learning rate
    warm_up: int = 0  # iterations in which the rate grows from 0
    decay_from: float = 1.0  # fraction of the run after which the rate falls linearly to 0
    # Iterations at which the rate grows and falls again, each with the fraction that it reaches.
    restarts: tuple[tuple[int, float], ...] = ()
    clip: float = math.inf  # longest gradient
    # Of the squared error of a position [1/m^2], or [1/length^2] of an arm of 40 segments; of an
    # axis: 1.
    position_weight: float = 1.0
    architecture: Architecture = Architecture()
    evaluate_every: int = 500  # iterations
    checkpoint_every: int = 2000  # iterations
    evaluation_samples: int = 256  # shapes of each held-out distribution while training

    def __post_init__(self):
        if not self.phases:
            raise SettingsError('phases is empty, expected at least one')
        if self.is_geometric and not all(phase.distribution in GEOMETRIC for phase in self.phases):
            raise SettingsError(f'some phases are of {GEOMETRIC} and others not, expected all or '
                                'none')
        if self.optimiser not in OPTIMISERS:
            raise SettingsError(f'optimiser is {self.optimiser!r}, expected one of {OPTIMISERS}')
        for name in ('batch', 'rate', 'clip', 'position_weight', 'evaluate_every',
                     'checkpoint_every', 'evaluation_samples', 'basis_every'):
            if not getattr(self, name) > 0:
                raise SettingsError(f'{name} is {getattr(self, name)!r}, expected more than 0')
        for name in ('seed', 'warm_up'):
            if not getattr(self, name) >= 0:
                raise SettingsError(f'{name} is {getattr(self, name)!r}, expected 0 or more')
        if not 0.0 <= self.decay_from <= 1.0:
            raise SettingsError(f'decay_from is {self.decay_from!r}, expected 0 to 1')
        begins = [0, *(begin for begin, _ in self.restarts), self.iterations]
        if begins != sorted(set(begins)):
            raise SettingsError(f'restarts is {self.restarts!r}, expected growing iterations '
                                f'within the run of {self.iterations}')

    @property
    def is_recorded(self) -> bool:
        """Whether the run learns from a real arm."""
        return any(phase.is_recorded for phase in self.phases)

    @property
    def is_geometric(self) -> bool:
        """Whether the network reads the geometry of the joints beside their angles."""
        return any(phase.distribution in GEOMETRIC for phase in self.phases)

    @property
    def network(self) -> Architecture:
        """The architecture with what the network reads."""
        return replace(self.architecture, geometry=GEOMETRY) if self.is_geometric \
            else self.architecture

    @property
    def iterations(self) -> int:
        """Length of the run."""
        return sum(phase.steps(self.batch) for phase in self.phases)

    def rate_at(self, iteration: int) -> float:
        """Return the learning rate of an iteration, counted from 0."""
        begin, part = max(((0, 1.0), *(restart for restart in self.restarts
                                       if restart[0] <= iteration)))
        end = min((self.iterations, *(other for other, _ in self.restarts if other > iteration)))
        warm = min(1.0, (iteration - begin + 1) / max(self.warm_up, 1))
        falling = (1.0 - self.decay_from) * (end - begin)
        fallen = min(1.0, (end - iteration) / falling) if falling else 1.0
        return part * self.rate * warm * fallen


# The paper's section 4 to the letter: ten episodes of growing range, Adam at 1e-4. It doesn't say
# how many examples make a batch; sixteen leave Adam 118 750 steps.
PAPER = TrainingSettings(
    preset='paper',
    phases=tuple(Phase(range=tenth / 10, examples=20_000 if tenth == 10 else 2_000, epochs=50)
                 for tenth in range(1, 11)),
    batch=16, optimiser='adam', rate=1e-4, evaluate_every=2000, checkpoint_every=10_000)

# What made the weights that ship with the package.
SHIPPED = TrainingSettings(
    preset='shipped',
    phases=(Phase('mixed', joints=10, iterations=2_000),
            Phase('mixed', joints=20, iterations=4_000),
            Phase('mixed', iterations=96_000)),
    batch=128, optimiser='soap', rate=1e-2, warm_up=100, decay_from=0.27,
    restarts=((66_000, 0.5),), clip=1.0, position_weight=9.0)

# What makes weights for any arm of bends, from those of the default arm. Its batches are for a
# GPU, which takes minutes; docs/training.md says how those that ship went on from there.
GENERAL = replace(
    SHIPPED, preset='general',
    phases=(Phase('general', joints=20, iterations=1_000), Phase('general', iterations=50_000)),
    batch=2048, basis_every=50, warm_up=500, decay_from=0.2, restarts=((31_000, 0.3),),
    evaluate_every=2_500, checkpoint_every=5_000)

# What fits them to one arm, from its description alone.
DESCRIBED = replace(
    GENERAL, preset='described', phases=(Phase('described', iterations=40_000),), batch=256,
    basis_every=10, warm_up=100, restarts=(), evaluate_every=500, checkpoint_every=1_000)

# What fits weights that were trained before to recordings of an arm.
FINETUNE = TrainingSettings(
    preset='finetune', phases=(Phase('rehearsed', iterations=2_000),), batch=128,
    optimiser='soap', rate=1e-3, warm_up=100, decay_from=0.0, clip=1.0, position_weight=9.0)

# What learns an arm from recordings alone.
SCRATCH = replace(
    FINETUNE, preset='scratch', phases=(Phase('recorded', iterations=30_000),), rate=1e-2)

PRESETS = {settings.preset: settings for settings in (
    PAPER, SHIPPED, GENERAL, DESCRIBED, FINETUNE, SCRATCH)}


def preset(name: str, seed: int | None = None) -> TrainingSettings:
    """
    Return the settings of a name, with another seed if one is given.

    :raises SettingsError: if there is no such preset
    """
    if name not in PRESETS:
        raise SettingsError(f'preset is {name!r}, expected one of {tuple(PRESETS)}')
    return PRESETS[name] if seed is None else replace(PRESETS[name], seed=seed)


def inwards(settings: TrainingSettings, blocks: int = INWARD_BLOCKS) -> TrainingSettings:
    """Return the settings of a network that reads inwards, too, to learn what hangs on a joint."""
    return replace(settings, architecture=replace(settings.architecture, inward=blocks))
