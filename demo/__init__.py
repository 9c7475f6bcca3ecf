"""The main job, told as it goes: `make demo`."""
