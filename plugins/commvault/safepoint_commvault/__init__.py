"""The plugin for Commvault."""
