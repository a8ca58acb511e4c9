"""The WebSocket hub: who is connected, and what reaches them."""
