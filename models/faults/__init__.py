"""What is wrong with an array, kind by kind: pure functions over slot series. `diagnose.py` ranks the causes."""
