"""The console's orders: found, looked into, and acted on, each act shown beforehand and written down."""
