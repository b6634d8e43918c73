# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""snake-arm calibrate: fit the description of an arm to what was measured of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from snake_arm_control.cli import arguments
from snake_arm_control.errors import RecordingError, SettingsError
from snake_arm_control.extras import require
from snake_arm_control.output import check_file

if TYPE_CHECKING:
    from snake_arm_control.arm.description import Arm
    from snake_arm_control.training.chain_calibration import ChainCalibration
    from snake_arm_control.training.samples import Samples
    from snake_arm_control.training.tendon_calibration import TendonCalibration

_HELD_OUT = 0.2  # of each recording's time, at its end
_BETTER = 0.95  # error with a learned law, relative to that without, below which it is used


def add_to(commands) -> None:
    """Add the command to the commands."""
    parser = commands.add_parser(
        'calibrate', help='fit the description of an arm to measurements',
        description='Fit the joint offsets, lengths and all transforms of an arm to recorded '
        'poses, of the whole chain, some links or the tool, and write the calibrated URDF.')
    arguments.add_arm(parser)
    arguments.add_namespace(parser)
    arguments.add_tracked_joints(parser)
    arguments.add_columns(parser)
    parser.add_argument('--data', type=Path, nargs='+', metavar='FILE', required=True,
                        help='recordings in MCAP, or tables in NPZ or CSV')
    parser.add_argument('--held-out', type=Path, nargs='+', metavar='FILE',
                        help='recordings to measure on (default: the last fifth of each of '
                        '--data)')
    parser.add_argument('--tracker', action='store_true',
                        help='the poses are in the frame of a tracker: find the base in it')
    parser.add_argument('--marker', action='store_true',
                        help='the poses of the tip are those of a marker: find it on the tool')
    parser.add_argument('--compliance', action='store_true',
                        help='the joints give way under the weight of the arm: fit that too, and '
                        'write a forward model beside the description')
    parser.add_argument('--out', type=Path, default=Path('calibrated.urdf'), metavar='FILE',
                        help='the calibrated description (default %(default)s)')
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Calibrate the arm, and write its description if it is better than before."""
    require(*arguments.reader_packages([*options.data, *(options.held_out or ())]))
    from snake_arm_control.arm.urdf import urdf_text
    from snake_arm_control.model.forward_model import ForwardModel
    from snake_arm_control.training import calibration_report
    from snake_arm_control.training.chain_calibration import calibrate_chain
    from snake_arm_control.training.samples import join
    arm = arguments.arm(options)
    model_path = options.out.with_suffix('.safetensors')
    for path in (options.out, model_path) if options.compliance else (options.out,):
        check_file(path)
    parts = [(each, None) if options.held_out else each.split(_HELD_OUT)
             for each in arguments.recordings(options, arm, any_frame=options.tracker)]
    training = join([first.moving() for first, _ in parts])
    held_out = join(arguments.recordings(options, arm, options.held_out, options.tracker)
                    if options.held_out else [last.moving() for _, last in parts if last])
    found: ChainCalibration | TendonCalibration
    if arm.tendons:
        found, compliance = _by_tendons(options, arm, training), None
        table = found.table()
    else:
        found = _by_compliance(options, arm, training, held_out) if options.compliance else \
            calibrate_chain(arm, training, options.tracker, options.marker)
        table, compliance = calibration_report.table(found), found.compliance
    before, after = found.errors(held_out)
    print(table)
    print(f'mean position error on {len(held_out)} samples held out: {1e3 * before:.4g} mm '
          f'before, {1e3 * after:.4g} mm after')
    if not after < before:
        raise RecordingError('the calibrated arm is no better than the described one on what was '
                             'held out: nothing is written; record more, of all its joints')
    options.out.write_text(urdf_text(found.arm), encoding='utf-8')
    print(options.out)
    if compliance is not None:
        model = ForwardModel.compensated(compliance, {
            'samples': len(training), 'held_out': len(held_out), 'mean_position_error': after})
        model_path.write_bytes(model.to_bytes())
        print(model_path)
    return 0


def _by_compliance(options: argparse.Namespace, arm: Arm, training: Samples, held_out: Samples
                   ) -> ChainCalibration:
    """Return what the recordings say of an arm that gives way, with a law if that is better."""
    from snake_arm_control.training import calibration_report
    from snake_arm_control.training.chain_calibration import calibrate_chain
    from snake_arm_control.training.sagging_chain import SaggingChain
    physical, learned = (calibrate_chain(
        arm, training, options.tracker, options.marker, arguments.masses(options, arm), law=law)
        for law in (False, True))
    without, error = physical.errors(held_out)[1], learned.errors(held_out)[1]
    used = error < _BETTER * without
    if isinstance(learned.chain, SaggingChain) and learned.chain.law:
        print(calibration_report.law_table(learned.chain, learned.chain.law))
    print(f'a law of the joints beyond their compliance: {1e3 * error:.4g} mm with it on what was '
          f'held out, {1e3 * without:.4g} mm without: it is {"" if used else "not "}used')
    return learned if used else physical


def _by_tendons(options: argparse.Namespace, arm: Arm, training: Samples) -> TendonCalibration:
    """Return what the recordings say of an arm that tendons bend."""
    from snake_arm_control.training.tendon_calibration import calibrate_tendons
    for name in ('tracker', 'marker', 'compliance'):
        if getattr(options, name):
            raise SettingsError(f'--{name} is given and tendons bend the arm, expected joints '
                                'that move on their own')
    return calibrate_tendons(arm, training)
