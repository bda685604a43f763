"""All that is random about a batch, drawn before a pixel is touched."""
