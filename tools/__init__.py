"""Run, package and deliver the project: each module is a command behind a make target."""
