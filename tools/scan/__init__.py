"""Other people's scanners on what they understand, in one report: checkov, kube-score, hadolint, zizmor and more."""
