"""What is wrong with the manifests, told before a cluster sees them."""
