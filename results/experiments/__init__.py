"""The scripts that make the JSON files of results/."""
