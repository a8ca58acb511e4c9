"""What is said over the WebSocket, as types: standing alone, for the hub and for programs."""
