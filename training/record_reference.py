"""Record what torch makes of a tiny network, so that the NumPy engine can be held to it.

    python training/record_reference.py tests/unit_tests/lab

Writes `reference.safetensors`, an untrained network with uneven gains, and `reference.json`, some
tokens with the logits after each.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from safetensors.torch import save_file

from training.lab_network import Network, Shape

SHAPE = Shape(vocabulary=40, width=16, layers=2, heads=2, hidden=24, rotated=4)
LENGTH = 12


def main(folder: Path) -> None:
    """Write both files into `folder`."""
    torch.manual_seed(3)
    network = Network(SHAPE)
    with torch.no_grad():
        for name, each in network.named_parameters():
            wider = 20 if name == "tokens.weight" else 1.5
            each.mul_(torch.rand_like(each) + 0.5 if each.dim() == 1 or name == "before" else wider)
            each.copy_(each.half().float())
        tokens = torch.randint(SHAPE.vocabulary, (1, LENGTH))
        logits = network(tokens, torch.arange(LENGTH))
    weights = {name: each.half().contiguous() for name, each in network.state_dict().items()}
    about = {"shape": json.dumps(asdict(SHAPE))}
    save_file(weights, folder / "reference.safetensors", metadata=about)
    rounded = [[round(number, 5) for number in row] for row in logits.tolist()]
    told = {"torch": torch.__version__, "tokens": tokens[0].tolist(), "logits": rounded}
    (folder / "reference.json").write_text(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
