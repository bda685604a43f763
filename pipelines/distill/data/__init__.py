"""What a training learns from: photos, priors, labels, in one store."""
