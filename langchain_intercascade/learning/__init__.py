"""The background learner: lessons that were written down become strategies."""
