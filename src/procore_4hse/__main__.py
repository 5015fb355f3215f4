"""`python -m procore_4hse` is the command `procore-4hse`."""

from procore_4hse.cli import main

if __name__ == "__main__":
    main()
