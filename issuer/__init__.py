"""A stand-in for Google at sign-in; it believes whoever says who they are."""
