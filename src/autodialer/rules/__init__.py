"""The calling rules: pure and total. Facts and `now` in, a verdict with its reason out."""
