"""Train the lab's weak model from scratch, and write its weights.

    python training/train_lab.py --minutes 60 --out langchain_intercascade/lab/weak.safetensors

Needs torch and safetensors; uses CUDA when there is one, else one CPU core.  Progress goes to a
file of JSON lines beside the checkpoint; `--resume` continues from the checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from langchain_intercascade.lab.tokens import PAD, digest, numbers, vocabulary
from training.lab_cells import CELLS, draw_cell
from training.lab_examples import Example, draw_batch
from training.lab_network import Network, Shape

BATCH = 32
RATE, LEAST_RATE, WARM_UP = 1.5e-3, 5e-5, 200
SIMPLE = 0.08
"""Share of the time in which every prompt holds the right strategy, so that copying is learnt."""
LOOK_EVERY = 120.0
"""Seconds between looks at the cells, each followed by a checkpoint."""


def main() -> None:
    """Train for the minutes asked for."""
    given = _arguments()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    shape = Shape(len(vocabulary()), given.width, given.layers, given.heads, given.hidden)
    run = Training(Network(shape).to(device), given, device)
    if given.resume:
        run.restore()
    run.go()


class Training:
    """One training run: the network, the optimiser, and how long it has taken."""

    def __init__(self, network: Network, given: argparse.Namespace, device: torch.device) -> None:
        self.network, self.given, self.device = network, given, device
        self.drawn = random.Random(given.seed)
        decayed = [p for p in network.parameters() if p.dim() > 1]
        plain = [p for p in network.parameters() if p.dim() == 1]
        groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))
        self.steps, self.seconds, self.loss = 0, 0.0, math.log(network.shape.vocabulary)
        size = sum(p.numel() for p in network.parameters())
        _say(f"{size} parameters on {device}, {asdict(network.shape)}")

    def go(self) -> None:
        """Train until the time is up, looking at the cells and saving now and then."""
        looked = self.seconds
        while self.seconds < 60 * self.given.minutes:
            began = time.perf_counter()
            self.step()
            self.seconds += time.perf_counter() - began
            if self.seconds - looked >= LOOK_EVERY:
                looked = self.seconds
                self.look()
                self.save()
        self.look()
        self.save()

    def step(self) -> None:
        """Take one step of the optimiser."""
        progress = self.seconds / (60 * self.given.minutes)
        for group in self.optimiser.param_groups:
            group["lr"] = rate(progress, self.steps)
        batch = draw_batch(self.drawn, self.given.batch, simple=progress < SIMPLE)
        tokens, where, targets = packed(batch, self.device)
        self.network.train()
        loss = functional.cross_entropy(self.network(tokens, where), targets)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.steps += 1
        self.loss += 0.02 * (loss.item() - self.loss)

    @torch.no_grad()
    def look(self) -> None:
        """Print and write down how the cells stand: share of replies right in every token."""
        self.network.eval()
        drawn = random.Random(7)
        cells = {cell: self._share(draw_cell(drawn, cell, 128)) for cell in CELLS}
        line: dict[str, Any] = {
            "minutes": self.seconds / 60,
            "steps": self.steps,
            "loss": self.loss,
        }
        line |= {"rate": self.optimiser.param_groups[0]["lr"], "cells": cells}
        with self.given.log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        shown = "  ".join(f"{cell} {share[0]:.2f}/{share[1]:.2f}" for cell, share in cells.items())
        _say(f"{self.seconds / 60:5.1f} min {self.steps:6d} {self.loss:.3f}  {shown}")

    def _share(self, examples: list[Example]) -> tuple[float, float]:
        """Return the share that is right in every token, and the mean probability of a token."""
        tokens, where, targets = packed(examples, self.device)
        logits = self.network(tokens, where).float()
        lengths = [len(example.reply) for example in examples]
        hits = (logits.argmax(1) == targets).cpu().split(lengths)
        top = logits.log_softmax(1).max(1).values.cpu().split(lengths)
        right = sum(bool(hit.all()) for hit in hits) / len(hits)
        return right, float(torch.stack([each.mean() for each in top]).exp().mean())

    def save(self) -> None:
        """Write the checkpoint, and the weights as they are shipped."""
        state = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}
        state |= {"steps": self.steps, "seconds": self.seconds, "drawn": self.drawn.getstate()}
        part = self.given.checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.given.checkpoint)
        weights = {k: v.half().contiguous().cpu() for k, v in self.network.state_dict().items()}
        about = {"shape": json.dumps(asdict(self.network.shape)), "vocabulary": digest()}
        about |= {"steps": str(self.steps), "minutes": f"{self.seconds / 60:.1f}"}
        about |= {"examples": str(self.steps * self.given.batch), "device": str(self.device)}
        save_file(weights, self.given.out, metadata=about)

    def restore(self) -> None:
        """Go on from the checkpoint."""
        state = torch.load(self.given.checkpoint, map_location=self.device, weights_only=False)
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.seconds = state["steps"], state["seconds"]
        self.drawn.setstate(state["drawn"])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def rate(progress: float, steps: int) -> float:
    """Return the learning rate: a short climb, then half a cosine down."""
    down = LEAST_RATE + (RATE - LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return down * min(1.0, (steps + 1) / WARM_UP)


def packed(batch: list[Example], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the tokens, padded on the right, and where which token of a reply is to be said."""
    length = max(len(each.prompt) + len(each.reply) for each in batch) - 1
    pad = numbers()[PAD]
    rows, where, targets = [], [], []
    for at, each in enumerate(batch):
        row = [*each.prompt, *each.reply[:-1]]
        rows.append(row + [pad] * (length - len(row)))
        start = at * length + len(each.prompt) - 1
        where.extend(range(start, start + len(each.reply)))
        targets.extend(each.reply)
    return tuple(torch.tensor(each, device=device) for each in (rows, where, targets))  # type: ignore[return-value]


def _arguments() -> argparse.Namespace:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--minutes", type=float, default=60)
    reader.add_argument("--out", type=Path, required=True)
    reader.add_argument("--checkpoint", type=Path, default=Path("lab.checkpoint"))
    reader.add_argument("--log", type=Path, default=Path("lab.jsonl"))
    reader.add_argument("--resume", action="store_true")
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--threads", type=int, default=1)
    reader.add_argument("--batch", type=int, default=BATCH)
    reader.add_argument("--width", type=int, default=128)
    reader.add_argument("--layers", type=int, default=4)
    reader.add_argument("--heads", type=int, default=4)
    reader.add_argument("--hidden", type=int, default=256)
    return reader.parse_args()


if __name__ == "__main__":
    main()
