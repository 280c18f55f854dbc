"""Backup jobs: what documents mean as a job, and what a job means in documents."""
