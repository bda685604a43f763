"""Students: small networks that `maskgen distill` has taught by slower or noisier methods."""
