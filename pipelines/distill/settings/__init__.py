"""What a training is told: settings, presets, overrides."""
