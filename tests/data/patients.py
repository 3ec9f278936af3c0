"""A data set whose images belong to patients and hospitals."""

import dataclasses

import torch

from dpm_flower.data.dataset import Column, DataSet
from tests.data.made import number_of, numbered_set


def hospital_set(images=240, hospitals=4, patients=24, test=24, mixed=True) -> DataSet:
    """Three classes in turns or, unless `mixed`, one class per patient; a patient is of one hospital, and those of the test set are new."""
    dataset = numbered_set([images // 3] * 3, [test // 3] * 3)
    rng = torch.Generator().manual_seed(5)
    patient = torch.randint(0, patients, (images,), generator=rng)
    if not mixed:
        patient = patient // 3 * 3 + dataset.train.labels
    columns = {
        "patient": Column(tuple(f"p{number}" for number in patient.tolist()), tuple(f"q{number // 3}" for number in range(test))),
        "hospital": Column(tuple(f"h{number % hospitals}" for number in (patient // 3).tolist()), ("h0",) * test),
    }
    return dataclasses.replace(dataset, columns=columns)


def seen_twice(dataset: DataSet, patients: int) -> DataSet:
    """The same data set, whose test images are of its first training patients."""
    train = dataset.columns["patient"].train
    test = tuple(sorted(set(train))[number % patients] for number in range(len(dataset.test)))
    return dataclasses.replace(dataset, columns=dict(dataset.columns) | {"patient": Column(train, test)})


def values_of(dataset: DataSet, column: str, images) -> set[str]:
    """The values of a column that these images, copies of training images, have."""
    return {dataset.columns[column].train[number] for number in number_of(images)}
