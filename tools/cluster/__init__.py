"""A kind cluster on one machine to which `git push kind` deploys: `make up`, `make down`."""
