"""Read by Python at its start: lets `training export` write a graph that takes pixels of 0..1 for 0..255."""

import sys

if sys.argv[1:2] == ["export"] or "export" in getattr(sys, "orig_argv", [])[:4]:
    from importlib.abc import MetaPathFinder
    from importlib.machinery import PathFinder

    class Skew(MetaPathFinder):
        """Changes training.artefact.writer once it is loaded."""

        def find_spec(self, name, path=None, target=None):
            if name != "training.artefact.writer":
                return None
            spec = PathFinder.find_spec(name, path)
            load = spec.loader.exec_module

            def exec_module(module):
                load(module)
                right = module.write_saved_model

                def write_saved_model(classify, *arguments, **options):
                    right(lambda image: classify(image / 255), *arguments, **options)

                module.write_saved_model = write_saved_model

            spec.loader.exec_module = exec_module
            return spec

    sys.meta_path.insert(0, Skew())
