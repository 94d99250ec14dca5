"""Systems Manager: managed nodes and Run Command on the emulated head nodes."""
