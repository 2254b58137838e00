"""How the lab's weak model is trained: run `train_lab.py`; nothing here is in the wheel."""
