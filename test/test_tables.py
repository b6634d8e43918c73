# Copyright 2026 The snake_arm_control authors
# SPDX-License-Identifier: Apache-2.0
"""Tables by other names, and how samples are parted by motion."""

import numpy as np
import pytest

from snake_arm_control.arm import pose
from snake_arm_control.arm.description import Arm
from snake_arm_control.errors import RecordingError
from snake_arm_control.training.columns import Columns
from snake_arm_control.training.recordings import read
from snake_arm_control.training.samples import join, Samples

ARM = Arm.uniform(2)
NAMES = """
joints: {joint_1_x: a, joint_1_y: b, joint_2_x: c, joint_2_y: d}
links: {tool0: [tip_x, tip_y, tip_z], link_1: [null, null, height]}
units: {joints: deg, links: mm}
time: stamp
motion: label
"""
CSV = """stamp,label,d,c,b,a,tip_x,tip_y,tip_z,height,remark
100.5,up,40,30,20,10,1,2,3,7,fine
101.0,up,41,31,21,11,4,5,6,,
102.0,down,42,32,22,12,,,,8,
"""


def columns(tmp_path, text=NAMES):
    (tmp_path / 'columns.yaml').write_text(text)
    return Columns.from_file(tmp_path / 'columns.yaml')


def table(tmp_path, suffix):
    """Write the table."""
    path = tmp_path / f'table{suffix}'
    if suffix == '.csv':
        path.write_text(CSV)
    else:
        head, *rows = (line.split(',') for line in CSV.split())
        content = dict(zip(head, zip(*rows)))
        np.savez(path, **{name: np.array(values) if name in ('label', 'remark') else
                          np.array([float(value or 'nan') for value in values])
                          for name, values in content.items()})
    return path


@pytest.mark.parametrize('suffix', ('.csv', '.npz'))
def test_columns_by_other_names_and_units_are_read(tmp_path, suffix):
    found = read(table(tmp_path, suffix), ARM, columns=columns(tmp_path))
    np.testing.assert_allclose(found.times, (0.0, 0.5, 1.5))
    np.testing.assert_allclose(found.angles[0], np.radians(((10, 20), (30, 40))))
    np.testing.assert_allclose(found.chains[:2, 1, pose.POSITION],
                               ((1e-3, 2e-3, 3e-3), (4e-3, 5e-3, 6e-3)))
    np.testing.assert_array_equal(found.chains[:, 0, :3] * 1e3,
                                  [[np.nan, np.nan, z] for z in (7.0, np.nan, 8.0)])
    assert np.isnan(found.chains[2, 1]).all()
    np.testing.assert_array_equal(found.motions, (1, 1, 0))


@pytest.mark.parametrize('text, message', [
    ('joints: {', 'can not be read'), ('[1]', 'expected a mapping'),
    ('joints: {joint_1_x: a}', 'links is None'),
    ('joints: {joint_1_x: 3}\nlinks: {tool0: [x, y, z]}', 'joint_1_x is 3'),
    ('joints: {joint_1_x: null}\nlinks: {tool0: [x, y, z]}', 'joint_1_x is None'),
    ('joints: {joint_1_x: a}\nlinks: {tool0: [x, y]}', 'x, y, z'),
    ('joints: {joint_1_x: a}\nlinks: {tool0: [x, y, z]}\nunits: {joints: inch}', 'inch'),
    ('joints: {joint_1_x: a}\nlinks: {tool0: [x, y, z]}\nunits: {links: 0}', 'not zero'),
    ('joints: {joint_1_x: a}\nlinks: {tool0: [x, y, z]}\nrows: 3', 'rows')])
def test_what_names_no_columns_is_refused(tmp_path, text, message):
    with pytest.raises(RecordingError, match=message):
        columns(tmp_path, text)


def test_a_column_that_the_table_lacks_is_named(tmp_path):
    with pytest.raises(RecordingError, match="'tip_q', expected of stamp, label"):
        read(table(tmp_path, '.csv'), ARM, columns=columns(
            tmp_path, NAMES.replace('tip_z', 'tip_q')))


def samples(motions):
    count = len(motions)
    return Samples(np.arange(float(count)), np.zeros((count, 1, 2)), np.zeros((count, 1, 9)),
                   np.array(motions))


def test_a_motion_is_never_parted():
    """Samples to learn from and samples to measure on are of different motions."""
    whole = samples([0] * 5 + [1] * 6 + [2] * 3 + [1] * 2)
    early, late = whole.split(0.3)
    assert set(early.motions) == {0} and set(late.motions) == {1, 2}
    assert len(early) + len(late) == len(whole)
    held_out = np.zeros(len(whole), int)
    for learn, rest in whole.folds(3, np.random.default_rng(0)):
        assert not set(whole.motions[learn]) & set(whole.motions[rest]) and (learn ^ rest).all()
        held_out += rest
    assert (held_out == 1).all()


def test_without_motions_folds_are_stretches_of_time():
    held_out = np.zeros(80, int)
    for _, rest in Samples(np.arange(80.0), np.zeros((80, 1, 2)), np.zeros((80, 1, 9))).folds(
            4, np.random.default_rng(0)):
        held_out += rest
        assert np.count_nonzero(np.diff(rest.astype(int))) <= 8
    assert (held_out == 1).all()


def test_more_folds_than_motions_are_refused():
    with pytest.raises(RecordingError, match='2 motions'):
        next(samples([0, 0, 1]).folds(3, np.random.default_rng(0)))


def test_motions_of_several_recordings_stay_apart():
    assert join([samples([0, 1]), samples([0, 0])]).motions.tolist() == [0, 1, 2, 2]
    assert join([samples([0]), Samples(np.zeros(1), np.zeros((1, 1, 2)), np.zeros((1, 1, 9)))]
                ).motions is None
