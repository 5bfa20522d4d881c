"""Names and sizes of data sets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sensdb.datasets.catalogue import DATASET_NAMES, dataset_info
from sensdb.datasets.npz import npz_info
from sensdb.errors import DataError
from tests.datasets.written import write_npz


def test_the_five_built_in_data_sets_are_known_without_a_file() -> None:
    sizes = {name: dataset_info(name).input_size for name in DATASET_NAMES}

    assert sizes == {"digits": 64, "mnist": 784, "fashion_mnist": 784, "cifar10": 3072, "cifar100": 3072}


def test_a_misspelt_name_gets_the_nearest_one() -> None:
    with pytest.raises(DataError) as raised:
        dataset_info("fashion-mnist")

    assert raised.value.message == "no data set 'fashion-mnist'."
    assert raised.value.hint == (
        "did you mean 'fashion_mnist'? allowed: digits, mnist, fashion_mnist, cifar10, cifar100, "
        "or the path of an .npz file."
    )


@pytest.mark.parametrize("name", ["npz:", "npz:12", "npz:" + "g" * 64, "npz:" + "a" * 63 + "\n", "NPZ:" + "a" * 64])
def test_what_is_no_sha256_is_no_data_set(name: str) -> None:
    with pytest.raises(DataError, match=r"^no data set '"):
        dataset_info(name)


def test_an_npz_is_found_by_its_content(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "data" / "any name.npz")
    name = npz_info(path).name

    info = dataset_info(name, [tmp_path])

    assert (info.n_train, info.n_test, info.height, info.width, info.channels, info.n_classes) == (12, 6, 5, 4, 3, 3)
    assert info.is_image


def test_names_are_listed_without_numpy() -> None:
    code = "import sys; import sensdb.datasets.catalogue; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
