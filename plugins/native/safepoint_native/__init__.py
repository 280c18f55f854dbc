"""The plugin for Hyper-V itself: checkpoint and copy, checkpoints on their own."""
