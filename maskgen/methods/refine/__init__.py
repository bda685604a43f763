"""What may follow any method: a CRF, a guided filter, or a vote with the priors."""
