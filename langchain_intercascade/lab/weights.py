"""Reading weights: the safetensors format, which is a JSON header and plain numbers.

The format is small enough to read by hand, so that running the model needs nothing
but NumPy: eight bytes with the header's length, the header, the numbers
(https://huggingface.co/docs/safetensors, "Format").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from langchain_intercascade.errors import ConfigurationError
from langchain_intercascade.lab.tokens import digest

Array = npt.NDArray[np.float32]

_HEADER_LENGTH: Final = 8
_KINDS: Final[Mapping[str, np.dtype[Any]]] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


@dataclass(frozen=True, slots=True)
class Weights:
    """What a training run left behind.

    Attributes:
        arrays: Each parameter by its name, as 32-bit numbers.
        shape: How large the network is, by the names in `training/lab_network.py`.
        about: What else the run wrote down.
    """

    arrays: Mapping[str, Array]
    shape: Mapping[str, int]
    about: Mapping[str, str]


def read_weights(path: Path) -> Weights:
    """Read the weights of a weak model.

    Raises:
        ConfigurationError: It is no such file, or the weights belong to another vocabulary.
    """
    arrays, about = read_safetensors(path)
    if about.get("vocabulary") != digest():
        msg = (
            f"The weights in {path.name} were trained for the vocabulary "
            f"{about.get('vocabulary')}, and this package has {digest()}: train them again with "
            "training/train_lab.py."
        )
        raise ConfigurationError(msg)
    return Weights(arrays, json.loads(about["shape"]), about)


def read_safetensors(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays in a safetensors file, and what it says about them.

    Only 16- and 32-bit floating point numbers are read; all are returned with 32 bits.

    Raises:
        ConfigurationError: It is no such file, or holds other kinds of numbers.
    """
    try:
        raw = path.read_bytes()
        length = int.from_bytes(raw[:_HEADER_LENGTH], "little")
        header = json.loads(
            _part(memoryview(raw), _HEADER_LENGTH, _HEADER_LENGTH + length).tobytes()
        )
        about = header.pop("__metadata__", {})
        numbers = memoryview(raw)[_HEADER_LENGTH + length :]
        return {name: _array(numbers, told) for name, told in header.items()}, about
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = (
            f"{path.name} cannot be read as safetensors of 16- or 32-bit numbers: {error!r}. "
            "Install the package again, or train the weights with training/train_lab.py."
        )
        raise ConfigurationError(msg) from error


def _array(numbers: memoryview, told: Mapping[str, Any]) -> Array:
    kind, shape, (start, end) = _KINDS[told["dtype"]], told["shape"], told["data_offsets"]
    array: Array = np.frombuffer(_part(numbers, start, end), kind).reshape(shape).astype(np.float32)
    return array


def _part(raw: memoryview, start: int, end: int) -> memoryview:
    """Return the bytes from `start` to `end`; slicing alone would return fewer if they are few."""
    if not 0 <= start <= end <= len(raw):
        msg = f"it has no bytes {start} to {end}, only {len(raw)}"
        raise ValueError(msg)
    return raw[start:end]
