"""The vocabulary of Parkwatt; imports nothing of ours."""
