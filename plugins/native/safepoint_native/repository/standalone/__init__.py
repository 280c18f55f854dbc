"""What is copied into every repository and has to run without safepoint."""
