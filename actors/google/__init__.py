"""Sign-in with Google: the keys that verify its tokens."""
