"""Runs the whole stack locally: the real template, MiniStack for AWS, our SageMaker emulator."""
