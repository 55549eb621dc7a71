"""The whole stack on this machine: MiniStack as AWS, our emulator as SageMaker, the real template."""
