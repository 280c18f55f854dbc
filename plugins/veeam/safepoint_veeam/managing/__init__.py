"""Declared objects: credentials, servers, jobs; observed, translated, described, applied."""
