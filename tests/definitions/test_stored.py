"""Specs as the tables hold them: one set of columns for networks trained here and elsewhere, and a first job each."""

from __future__ import annotations

import json

import pytest

from sensdb.database.schema import models
from sensdb.datasets.catalogue import dataset_info
from sensdb.definitions.fields import FieldError
from sensdb.definitions.imported import ImportedSpec, make_imported_spec
from sensdb.definitions.stored import first_job, model_columns, read_spec
from sensdb.errors import ShapeError, SpecError
from tests.definitions.examples import spec

DIGITS = dataset_info("digits")
SOURCE = "a" * 64


def imported(*widths: int, **changes: object) -> ImportedSpec:
    """A network for digits that was trained elsewhere."""
    given = {"nonlinearity": "relu", "biases": True, "dtype": "float32", "source_sha256": SOURCE} | changes
    return make_imported_spec((64, *widths, 10), DIGITS, **given)


@pytest.mark.parametrize("made", [spec(), imported(8)], ids=["trained here", "imported"])
def test_model_columns_are_those_of_the_table(made):
    assert set(model_columns(made, DIGITS)) == {column.name for column in models.columns} - {"model_id", "created_at"}


def test_model_columns_tell_mixed_widths_and_full_batches_by_null():
    columns = model_columns(
        spec(width=[16, 8], batch_size="full", stop="loss < 0.1", augmentation=["flip", "translate"]),
        DIGITS,
    )

    assert (columns["width"], columns["widths"]) == (None, "[16,8]")
    assert (columns["batch_size"], columns["full_batch"]) == (None, True)
    assert (columns["stop_rule"], columns["stop_loss"]) == ("loss", 0.1)
    assert columns["augmentation"] == "translate,flip"
    assert (columns["n_train_points"], columns["n_test_points"], columns["input_size"]) == (1200, 597, 64)


@pytest.mark.parametrize("made", [spec(width=[4, 8], hidden_layers=2), imported(), imported(8, 8), imported(8, 4)])
def test_a_stored_spec_reads_back(made):
    assert read_spec(made.canonical) == made


def test_an_imported_network_has_no_training_columns():
    columns = model_columns(imported(8), DIGITS)

    trained = ("n_train", "weight_scale", "label_noise", "augmentation", "loss", "optimizer", "momentum", "seed")
    trained += ("learning_rate", "learning_rate_drop_epochs", "batch_size", "full_batch", "max_steps", "stop_rule")
    assert {columns[name] for name in (*trained, "stop_loss", "n_train_points")} == {None}
    assert (columns["source_sha256"], columns["dataset"], columns["dtype"]) == (SOURCE, "digits", "float32")
    assert (columns["n_parameters"], columns["n_hidden_units"], columns["input_size"]) == (64 * 8 + 8 * 10 + 18, 8, 64)


def test_equal_widths_have_one_spelling():
    assert json.loads(imported(8, 8).canonical)["width"] == 8
    assert json.loads(imported(8, 4).canonical)["width"] == [8, 4]
    assert json.loads(imported().canonical)["width"] is None


def test_file_data_set_and_nonlinearity_are_an_imported_networks_identity():
    others = [imported(8, source_sha256="b" * 64), imported(8, nonlinearity="tanh")]

    assert len({imported(8).spec_sha256, *(other.spec_sha256 for other in others)}) == 3
    assert imported(8).spec_sha256 == imported(8).configuration_sha256 == imported(8).spec_sha256


def test_a_network_trained_elsewhere_is_measured_first_and_others_are_trained():
    assert first_job(spec(), DIGITS)[0] == "train"
    assert first_job(imported(8), DIGITS) == ("measure", "measure/digits/whole/64-8-10/relu/biases/float32")


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((784, 8, 10), "the network takes 784 inputs, and a point of digits has 8 x 8 x 1 = 64."),
        ((64, 8, 100), "the network has 100 outputs, and digits has 10 classes."),
    ],
)
def test_a_network_that_does_not_fit_its_data_set_is_refused_with_the_sizes(sizes, message):
    with pytest.raises(ShapeError) as error:
        make_imported_spec(sizes, DIGITS, nonlinearity="relu", biases=False, dtype="float32", source_sha256=SOURCE)

    assert error.value.message == message


def test_more_layers_than_a_spec_may_have_are_refused():
    with pytest.raises(FieldError, match="hidden_layers: 201 is not a whole number from 0 to 200"):
        imported(*range(1, 202))


def test_a_stored_imported_spec_with_other_fields_is_refused():
    text = json.dumps({"spec_version": 1, "source_sha256": SOURCE}, separators=(",", ":"))

    with pytest.raises(SpecError, match="other fields than an imported network of spec_version 1"):
        read_spec(text)
