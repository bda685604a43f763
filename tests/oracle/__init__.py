"""What pixels are held against: written for clearness, with torch and torchvision, and slow."""
