"""The plugin for Veeam Backup & Replication."""
